"""The Cassandra storage of streamfw."""
