"""The Redis storage of streamfw."""
