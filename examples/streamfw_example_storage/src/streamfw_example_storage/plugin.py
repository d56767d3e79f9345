"""What this plugin offers. Only core is imported here; the storage is when it is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_storages(register: Register) -> None:
    register(
        "sqlite-example", "streamfw_example_storage.storage:create", summary="feeds in a SQLite file, as an example"
    )
