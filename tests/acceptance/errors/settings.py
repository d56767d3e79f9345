"""Settings, of which nothing is looked up yet."""

from __future__ import annotations

from streamfw_core.errors import SettingsError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a misspelt key",
        "Streams({'storage': {}})",
        SettingsError,
        "1 problem in the settings:\n  - storage: unknown key (did you mean 'storages'?)",
    ),
    Row(
        "a misspelt key of a feed",
        "Streams({'feeds': {'pin': {'max_lenght': 5}}})",
        SettingsError,
        "1 problem in the settings:\n  - feeds.pin.max_lenght: unknown key (did you mean 'max_length'?)",
    ),
    Row(
        "three problems at once",
        "Streams({'storages': {'1': 'memory'}, 'feeds': {'a': {'max_length': 'ten'}}, 'task_queue': 3})",
        SettingsError,
        "3 problems in the settings:\n"
        "  - storages.1: the name of a storage must be letters, digits, '-' and '_', and start with "
        "a letter (such as 'user_feed')\n"
        "  - feeds.a.max_length: must be a whole number, is a str (such as 800)\n"
        "  - task_queue: must be a name or a mapping, is an int (such as 'threads' or {'backend': "
        "'threads', 'options': {...}})",
    ),
    Row(
        "a storage that is not defined",
        "Streams({'storages': {'hot': 'memory'}, 'feeds': {'pin': {'timeline': 'hit'}}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - feeds.pin.timeline: no storage is named 'hit' (did you mean 'hot'? defined are: hot)",
    ),
    Row(
        "a number as settings",
        "Streams(5)",
        SettingsError,
        "1 problem in the settings:\n"
        "  - settings: must be a mapping, a Flask app, or a settings object or module with the "
        "attribute STREAMFW, is an int (such as STREAMFW = {...})",
    ),
    Row(
        "settings as JSON text",
        "Streams('{}')",
        SettingsError,
        "1 problem in the settings:\n"
        "  - settings: must be 'module:attribute', is '{}' (such as 'myapp.settings:STREAMFW')",
    ),
    Row(
        "settings in a module that there is not",
        "Streams('no_such_module:STREAMFW')",
        SettingsError,
        "1 problem in the settings:\n"
        "  - settings: the module 'no_such_module' cannot be imported: ModuleNotFoundError: No "
        "module named 'no_such_module' (`python -c 'import no_such_module'` shows more; is its "
        "folder on sys.path?)",
    ),
    Row(
        "settings under a name that the module does not have",
        "Streams('json:STREAMFW')",
        SettingsError,
        "1 problem in the settings:\n"
        "  - settings: the module 'json' has no attribute 'STREAMFW' (add it: STREAMFW = "
        "{'storages': {...}})",
    ),
    Row(
        "a lifetime of tombstones below 0",
        "Streams({'tombstone_ttl': -1})",
        SettingsError,
        "1 problem in the settings:\n  - tombstone_ttl: must be positive, is -1 (such as 864000, which is ten days)",
    ),
    Row(
        "a storage that is None",
        "Streams({'storages': {'hot': None}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - storages.hot: must be a URL, a name or a mapping, is None (such as {'backend': 'mydb', "
        "'options': {...}} or 'mydb://localhost/0')",
    ),
    Row(
        "a URL with a space and a password",
        "Streams({'storages': {'hot': 'redis://ada:secret@my host/0'}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - storages.hot: is not a URL: there is white space or a control character in it; write "
        "%20 for a space (such as 'mydb://localhost:1234/0')",
    ),
    Row(
        "options that contain themselves",
        "Streams({'storages': {'hot': {'backend': 'memory', 'options': {'servers': loop()}}}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - storages.hot.options: is nested deeper than 40 levels (does a mapping or list contain "
        "itself?)",
    ),
    Row(
        "a manager's class instead of its path",
        "Streams({'managers': {'pins': PinManager}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - managers.pins: must be the path of a class, is the class itself "
        "(tests.acceptance.errors.world:PinManager)",
    ),
    Row(
        "a manager without a colon",
        "Streams({'managers': {'pins': 'shop.feeds.PinManager'}})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - managers.pins: must be of the form 'module:Class', is 'shop.feeds.PinManager' (did you "
        "mean 'shop.feeds:PinManager'?)",
    ),
    Row(
        "old settings that are no mapping",
        "Streams({'STREAM_REDIS_CONFIG': 'localhost'})",
        SettingsError,
        "1 problem in the settings:\n"
        "  - STREAM_REDIS_CONFIG: must be a mapping of server names, is a str (such as "
        "STREAM_REDIS_CONFIG = {'default': {'host': '127.0.0.1'}})",
    ),
]
