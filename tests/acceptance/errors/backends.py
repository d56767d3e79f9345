"""Storages, serializers and their options, and plugins."""

from __future__ import annotations

from streamfw_core.errors import BackendBroken, BackendNotFound, PluginBroken, SettingsError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a misspelt storage",
        "PinFeed(1, streams=Streams({'storages': {'default': 'memori'}}))",
        BackendNotFound,
        "No installed plugin offers a storage backend named 'memori'.\n"
        "  Did you mean 'memory'?\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a storage that is not installed",
        "PinFeed(1, streams=Streams({'storages': {'default': 'cassandra'}}))",
        BackendNotFound,
        "No installed plugin offers a storage backend named 'cassandra'.\n"
        '  Install it: pip install "streamfw[cassandra]"\n'
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a URL of a storage that is not installed",
        "PinFeed(1, streams=Streams({'storages': {'default': 'redis://ada:secret@host/0'}}))",
        BackendNotFound,
        "No installed plugin offers a storage backend for URLs that start with 'redis://'.\n"
        '  Install it: pip install "streamfw[redis]"\n'
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a URL of a scheme that nobody knows",
        "PinFeed(1, streams=Streams({'storages': {'default': 'nosuch://ada:secret@host/0'}}))",
        BackendNotFound,
        "No installed plugin offers a storage backend for URLs that start with 'nosuch://'.\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a path to a class that there is not",
        "PinFeed(1, streams=Streams({'storages': {'default': 'streamfw_core.streams:Stroams'}}))",
        BackendBroken,
        "The storage backend 'streamfw_core.streams:Stroams' cannot be loaded: streamfw_core.streams "
        "has no 'Stroams'; did you mean 'Streams'?\n"
        "  Check the path in the settings, and that the folder of the module is on sys.path.",
    ),
    Row(
        "a path to something that is no class",
        "PinFeed(1, streams=Streams({'storages': {'default': 'streamfw_core:__version__'}}))",
        BackendBroken,
        "The storage backend 'streamfw_core:__version__' cannot be loaded: it is a str, which cannot "
        "be called\n"
        "  Check the path in the settings, and that the folder of the module is on sys.path.",
    ),
    Row(
        "an option that the storage does not have",
        "PinFeed(1, streams=Streams({'storages': {'default': {'backend': 'memory', 'options': "
        "{'tombstone_tll': 3}}}}))",
        SettingsError,
        "1 problem in the settings:\n"
        "  - storages.default.options.tombstone_tll: unknown key (did you mean 'tombstone_ttl'?)",
    ),
    Row(
        "an option of the wrong type",
        "PinFeed(1, streams=Streams({'storages': {'default': {'backend': 'memory', 'options': "
        "{'tombstone_ttl': '9'}}}}))",
        SettingsError,
        "1 problem in the settings:\n"
        "  - storages.default.options.tombstone_ttl: must be a float, is a str (write the number "
        "without quotes)",
    ),
    Row(
        "an option with a value that cannot be",
        "PinFeed(1, streams=Streams({'storages': {'default': {'backend': 'memory', 'options': "
        "{'tombstone_ttl': 0}}}}))",
        SettingsError,
        "1 problem in the settings:\n  - storages.default.options.tombstone_ttl: must be > 0, is 0.0",
    ),
    Row(
        "a serializer that there is not",
        "PinFeed(1, streams=Streams({'feeds': {'pin': {'serializer': 'pickle'}}}))",
        BackendNotFound,
        "No installed plugin offers a serializer backend named 'pickle'.\n"
        "  Available: json, msgpack.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "the name of a backend of another kind",
        "PinFeed(1, streams=Streams({'feeds': {'pin': {'serializer': 'threads'}}}))",
        BackendNotFound,
        "No installed plugin offers a serializer backend named 'threads'.\n"
        "  'threads' is the name of a task queue backend.\n"
        "  Available: json, msgpack.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "two plugins with one storage",
        "installed(one=OffersHot, two=WarmHot).find(Kind.STORAGE, 'hot')",
        BackendNotFound,
        "No installed plugin offers a storage backend named 'hot'.\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a backend whose plugin fails",
        "installed(hot=Raises).find(Kind.STORAGE, 'hot')",
        BackendNotFound,
        "No installed plugin offers a storage backend named 'hot'.\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a backend of which nobody knows, beside a broken plugin",
        "installed(hot=Raises).find(Kind.STORAGE, 'cold')",
        BackendNotFound,
        "No installed plugin offers a storage backend named 'cold'.\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a plugin that fails",
        "plugins.register(Raises, name='hot')",
        PluginBroken,
        "Plugin 'hot' of this program is broken: RuntimeError: no license",
    ),
    Row(
        "a plugin without hooks",
        "plugins.register(WithoutHooks, name='hot')",
        PluginBroken,
        "Plugin 'hot' of this program is broken: it has no hooks; is @hookimpl missing above its functions?",
    ),
]
