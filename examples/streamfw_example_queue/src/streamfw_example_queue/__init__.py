"""An example of a task queue plugin for streamfw: messages as jobs of RQ."""
