"""What this plugin offers. Only core is imported here; the library is when the backend is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_metrics(register: Register) -> None:
    register(
        "prometheus", "streamfw_prometheus.metrics:PrometheusMetrics", summary="Counters and histograms for Prometheus"
    )
