"""An example of a storage plugin for streamfw: feeds in a SQLite file."""
