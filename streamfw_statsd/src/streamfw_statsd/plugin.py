"""What this plugin offers. Only core is imported here; the library is when the backend is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_metrics(register: Register) -> None:
    register("statsd", "streamfw_statsd.metrics:StatsdMetrics", summary="To a statsd server, with the library `statsd`")
    register(
        "python-statsd",
        "streamfw_statsd.metrics:PythonStatsdMetrics",
        summary="To a statsd server, with the library `python-statsd`",
    )
