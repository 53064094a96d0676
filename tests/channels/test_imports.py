"""What importing the channels loads: Apprise and HTTP clients only when a channel needs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("apprise", "requests", "urllib3", "sqlite3", "grpc", "bridge.journal")


@pytest.mark.parametrize("module", ["bridge.channels", "bridge.channels.contract", "bridge.channels.registry"])
def test_importing_channels_loads_nothing_heavy(module: str) -> None:
    """The router checks and describes channels without the memory of Apprise."""
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_channel_over_http_loads_requests_for_a_proxy_only() -> None:
    """The router opens the bridge's own channels to check them; Apprise's HTTP client is 3 MB."""
    code = (
        "import sys; from bridge.channels.registry import problem_with; "
        "print(problem_with('webhooks://example.org/x'), 'requests' in sys.modules)"
    )
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    for proxy, loaded in ({}, False), ({"HTTPS_PROXY": "http://127.0.0.1:9"}, True):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ | proxy
        )
        assert done.stdout == f"None {loaded}\n"
