"""The embedded storage of streamfw: feeds in the memory of one process."""
