"""Pages of other sites reach no listener through a browser: the Host and Origin headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.registry import Collector

from bridge.http.guard import Guard
from bridge.http.hosts import host_name, is_internal_host, is_known_host, is_other_origin
from bridge.operator.metrics.app import metrics_app
from bridge.operator.serving.connection import ServedSockets
from tests.operator.serving import ask_tcp, port_of, served, tcp_sockets


class Nothing(Collector):
    def collect(self) -> Iterator[object]:  # type: ignore[override]
        return iter(())


@pytest.mark.parametrize(
    ("host", "served_"),
    [
        ("127.0.0.1:9376", True),
        ("[::1]:9376", True),
        ("10.1.2.3", True),
        ("localhost", True),
        ("falco-bridge:9376", True),
        ("falco-bridge.falco.svc:9376", True),
        ("falco-bridge.falco.svc.cluster.local.:9376", True),
        ("Metrics.Example.org:9376", True),
        ("evil.example.com", False),
        ("evil.example.com.:9376", False),
        ("127.0.0.1.evil.com", False),
        ("svc.evil.com", False),
        ("[:::", False),
        ("a@b:x", True),
        ("", False),
    ],
)
def test_metrics_are_served_for_names_of_this_listener(host: str, *, served_: bool) -> None:
    """Addresses, names that no attacker can register, and listed ones; the health checks for every name."""
    listener = ServedSockets(tcp_sockets(), metrics_app(Guard(), Nothing(), lambda: "", ["metrics.example.org"]))
    with served(listener):
        status, _, body = ask_tcp(port_of(listener), "GET", "/metrics", Host=host)
        assert (status == 200, b"metrics.hosts" in body) == (served_, not served_)
        for path in ("/healthz", "/readyz"):
            assert ask_tcp(port_of(listener), "GET", path, Host=host)[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_pages_of_other_origins_are_refused(path: str) -> None:
    """Their own origin is accepted."""
    listener = ServedSockets(tcp_sockets(), metrics_app(Guard(), Nothing(), lambda: ""))
    with served(listener):
        host = f"127.0.0.1:{port_of(listener)}"
        for origin in ("https://evil.example", "null", "http://[", ""):
            assert ask_tcp(port_of(listener), "GET", path, Origin=origin)[0] == 403
        assert ask_tcp(port_of(listener), "GET", path, Origin=f"http://{host}", Host=host)[0] == 200


def test_names_are_read_from_headers() -> None:
    """Without port, final dot and case; nonsense has no name."""
    assert [host_name(each) for each in ("A.b.:1", "[::1]:2", "", "[x")] == ["a.b", "::1", "", ""]
    assert is_known_host("Bridge.example.org.:1", ["bridge.Example.org"])
    assert not is_known_host("falco-bridge", [])
    assert is_internal_host("falco-bridge")
    assert not is_internal_host("")
    assert not is_other_origin(None, "x")
    assert not is_other_origin("https://A.b", "a.b:443")
    assert not is_other_origin("http://a.b", "a.b:80")
    assert is_other_origin("http://a.b", "a.b:443")
