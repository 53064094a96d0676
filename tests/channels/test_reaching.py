"""How far sides are reached: through the environment's proxy, trusting its authorities and no other, by kept connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import get_ident

import pytest

from bridge.channels import transport_errors
from bridge.channels.apprise.sessions import PooledSession
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.common import trust
from tests.channels.deliveries import make_delivery
from tests.support.certificates import Authority, make_authority
from tests.support.far_side import Answer, FarSide, connect_proxy

SILENT = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment that says nothing, and nothing remembered of another."""
    for name in (*SILENT, *BUNDLES):
        monkeypatch.delenv(name, raising=False)
    trust.proxies.cache_clear()
    yield monkeypatch
    trust.proxies.cache_clear()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


def native(host: str, query: str = "") -> Outcome:
    return open_channel("c", f"webhooks://{host}/x{query}", {}).send([make_delivery()])


def session(host: str) -> Outcome:
    """As Apprise's plugins post."""
    import requests

    with PooledSession() as pooled:
        try:
            status = pooled.post(f"https://{host}/x", data=b"{}", timeout=10).status_code
        except requests.exceptions.SSLError as error:
            return Outcome(Verdict.RETRY, None, transport_errors.describe(error))
    return Outcome(Verdict.DELIVERED, status)


BOTH = pytest.mark.parametrize("send", [native, session])


@BOTH
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_authority_is_trusted_where_the_environment_names_it(
    send: object, variable: str, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """And a certificate of nobody we know is not."""
    assert callable(send)
    with FarSide(pair=authority.issue("far")).serving() as server:
        refused = send(f"localhost:{server.port}")
        environment.setenv(variable, str(authority.certificate))
        taken = send(f"localhost:{server.port}")
    assert refused.verdict is Verdict.RETRY
    assert "TLS certificate not trusted: unable to get local issuer certificate" in refused.reason
    assert taken.verdict is Verdict.DELIVERED
    assert len(server.requests) == 1


@BOTH
def test_a_certificate_of_another_host_is_not_trusted(
    send: object, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """Though the authority is."""
    assert callable(send)
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    with FarSide(pair=authority.issue("far", ("hooks.example.com",))).serving() as server:
        reason = send(f"localhost:{server.port}").reason
        assert "not trusted: Hostname mismatch, certificate is not valid for 'localhost'" in reason
    assert server.requests == []


@BOTH
def test_the_proxy_of_the_environment_leads_there_unless_no_proxy_says_otherwise(
    send: object, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """CONNECT to a name that only the proxy knows; and past the proxy to one that is excepted."""
    assert callable(send)
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    pair = authority.issue("far", ("hooks.example.com", "localhost"))
    behind, beside = FarSide(pair=pair), FarSide(pair=pair)
    with behind.serving(), beside.serving(), connect_proxy(behind.port) as proxy:
        environment.setenv("HTTPS_PROXY", proxy)
        environment.setenv("NO_PROXY", "localhost")
        assert send("hooks.example.com").verdict is Verdict.DELIVERED
        assert send(f"localhost:{beside.port}").verdict is Verdict.DELIVERED
    assert [request.host for request in behind.requests] == ["hooks.example.com"]
    assert len(beside.requests) == 1


def test_a_channel_may_trust_an_authority_of_its_own(authority: Authority) -> None:
    """``cafile`` is this channel's, and nobody else's."""
    with FarSide(pair=authority.issue("far")).serving() as server:
        assert native(f"localhost:{server.port}", f"?cafile={authority.certificate}").verdict is Verdict.DELIVERED
        assert native(f"localhost:{server.port}").verdict is Verdict.RETRY


def test_a_proxy_of_another_kind_is_told(environment: pytest.MonkeyPatch) -> None:
    """At the start, not at the first alert."""
    from bridge.channels.registry import problem_with

    environment.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    assert "proxy" in str(problem_with("webhooks://hooks.example.com/"))


def test_one_context_serves_every_connection(authority: Authority, environment: pytest.MonkeyPatch) -> None:
    """The bundle is read once, and again when it changes; ten posts of a session take one connection."""
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert trust.trusted() is trust.trusted()
    peers: set[int] = set()

    def note(_request: object) -> Answer:
        peers.add(get_ident())
        return Answer()

    with FarSide(note, authority.issue("far")).serving() as server, PooledSession() as pooled:
        for _ in range(10):
            assert pooled.post(f"https://localhost:{server.port}/", data=b"{}", timeout=10).ok
    assert len(peers) == 1, "the server gives every connection a thread"
