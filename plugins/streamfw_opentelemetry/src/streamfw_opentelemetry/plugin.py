"""What this plugin offers. Only core is imported here; the library is when the backend is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_metrics(register: Register) -> None:
    register(
        "opentelemetry",
        "streamfw_opentelemetry.metrics:OpenTelemetryMetrics",
        summary="Metrics and traces through OpenTelemetry",
    )
