"""streamfw in Flask: an extension."""
