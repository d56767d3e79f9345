"""What this plugin offers. Only core is imported here; the storage is when it is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_storages(register: Register) -> None:
    register("memory", "streamfw_memory.storage:create", summary="in this process, for development and tests")
