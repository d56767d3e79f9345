"""Metrics: what streamfw tells about its work. The default collects nothing.

Subclass `Metrics` and name the class in the settings (`"metrics": {"backend": "myapp.metrics:MyMetrics"}`),
or install a plugin that offers a backend; a list of them is told by `CompositeMetrics`.
"""

from streamfw_core.metrics.composite import CompositeMetrics
from streamfw_core.metrics.protocol import Metrics, NoMetrics

__all__ = ["CompositeMetrics", "Metrics", "NoMetrics"]
