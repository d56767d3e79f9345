"""What this plugin offers. Only core is imported here; the driver is when a storage is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_storages(register: Register) -> None:
    register(
        "redis",
        "streamfw_redis.storage:create",
        summary="Redis and Valkey: one server, Sentinel or a cluster",
        schemes=("rediss", "redis+unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
    )
