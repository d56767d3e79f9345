"""Metrics and traces of streamfw through OpenTelemetry."""
