"""What can be set, and what is said where something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.metrics import Metrics
from streamfw_core.testing import MetricsContract
from streamfw_statsd.metrics import StatsdMetrics

from streamfw_core import Streams
from streamfw_statsd import libraries
from tests.services.ports import free_port


class TestStatsd(MetricsContract):
    def make_metrics(self) -> Metrics:
        return StatsdMetrics("statsd", {"host": "127.0.0.1", "port": free_port()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": "8125"}, "metrics.options.port: must be an int"),
        ({"port": 0}, "metrics.options.port"),
        ({"hots": "localhost"}, "did you mean 'host'?"),
        ({"prefix": "my app"}, "a prefix is made of letters"),
        ({"tags": ["env:test"]}, "metrics.options.tags"),
    ],
)
def test_wrong_options_are_refused_with_their_path(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        _ = Streams({"metrics": {"backend": "statsd", "options": options}}).metrics
    assert message in str(error.value)


def test_the_old_settings_name_it() -> None:
    old = {
        "STREAM_METRIC_CLASS": "stream_framework.metrics.statsd.StatsdMetrics",
        "STREAM_METRICS_OPTIONS": {"host": "127.0.0.1", "port": 9125, "prefix": None},
    }
    metrics = Streams(old).metrics

    assert isinstance(metrics, StatsdMetrics)
    assert (metrics.options.port, metrics.options.prefix) == (9125, None)


ASK = """
import json, sys
from streamfw_core import Streams
from streamfw_core.errors import SettingsError
try:
    Streams({"metrics": sys.argv[1]}).metrics
except SettingsError as error:
    print(json.dumps([problem._asdict() for problem in error.problems]))
"""


@pytest.mark.parametrize(("wanted", "there"), [("statsd", "python-statsd"), ("python-statsd", "statsd")])
def test_the_wrong_library_is_named_with_what_to_do(wanted: str, there: str, environments: dict[str, Path]) -> None:
    done = subprocess.run(
        [environments[there], "-W", "error", "-c", ASK, wanted], check=True, capture_output=True, text=True, timeout=60
    )

    [problem] = json.loads(done.stdout)
    assert f"needs the library '{wanted}', and the module `statsd` here is that of {there} " in problem["message"]
    assert f'pip uninstall -y {there} {wanted} && pip install "streamfw[{wanted}]"' in problem["hint"]


def test_a_missing_library_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsd", None)

    with pytest.raises(SettingsError, match=r'not installed \(pip install "streamfw\[statsd\]"\)'):
        libraries.Statsd()
