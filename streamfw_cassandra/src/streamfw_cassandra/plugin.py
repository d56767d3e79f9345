"""What this plugin offers. Only core is imported here; the driver is when a storage is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_storages(register: Register) -> None:
    register(
        "cassandra",
        "streamfw_cassandra.storage:create",
        summary="Apache Cassandra 4.1 and 5: feeds of many machines",
    )
