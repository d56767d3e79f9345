"""A plugin that offers a backend of another one's name."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_storages(register: Register) -> None:
    register("redis", "tests.doctor.double_plugin:nobody", summary="another Redis")
