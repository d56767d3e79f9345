"""The version of every distribution in this repository, which are released together."""

__version__ = "0.1.0"
"""Of streamfw-core, and of whatever was released with it."""
