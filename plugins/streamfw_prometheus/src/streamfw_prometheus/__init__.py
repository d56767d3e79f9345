"""Metrics of streamfw for Prometheus."""
