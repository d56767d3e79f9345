"""streamfw in FastAPI and other ASGI applications."""
