"""streamfw in Flask: an extension.

```python
from streamfw_flask import Streamfw

streamfw = Streamfw()


def create_app():
    app = Flask(__name__)
    app.config["STREAMFW"] = {"storages": {"default": "redis://localhost/0"}}
    streamfw.init_app(app)
    return app
```
"""

from __future__ import annotations

from streamfw_flask.extension import NotInitialized, Streamfw, current_streams
from streamfw_flask.streams import AppStreams

__all__ = ["AppStreams", "NotInitialized", "Streamfw", "current_streams"]
