"""Metrics of streamfw to a statsd server, through `statsd` or `python-statsd`."""
