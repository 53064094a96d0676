"""Proxies, CA bundles and reused connections, for native channels and for Apprise's sessions."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident

import pytest

from bridge.channels import transport_errors
from bridge.channels.apprise.sessions import PooledSession
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.common.files import trust
from tests.channels.deliveries import make_delivery
from tests.support.certificates import Authority, make_authority
from tests.support.far_side import Answer, FarSide, connect_proxy

PROXY_VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
)
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment without proxies and CA bundles, and an empty cache."""
    for name in (*PROXY_VARIABLES, *BUNDLES):
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
    """Posts like Apprise's plugins."""
    import requests

    with PooledSession() as pooled:
        try:
            status = pooled.post(f"https://{host}/x", data=b"{}", timeout=60).status_code
        except requests.exceptions.SSLError as error:
            return Outcome(Verdict.RETRY, None, transport_errors.describe(error, "localhost", trust.authorities()))
    return Outcome(Verdict.DELIVERED, status)


BOTH = pytest.mark.parametrize("send", [native, session])


@BOTH
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_ca_is_trusted_if_the_environment_names_it(
    send: object, variable: str, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """An unknown one is not."""
    assert callable(send)
    with FarSide(pair=authority.issue("far")).serving() as server:
        untrusted = send(f"localhost:{server.port}")
        environment.setenv(variable, str(authority.certificate))
        trusted = send(f"localhost:{server.port}")
    assert untrusted.verdict is Verdict.RETRY
    assert "TLS certificate of localhost not trusted: unable to get local issuer certificate" in untrusted.reason
    assert "verified with the public CAs (SSL_CERT_FILE is not set); trust the CA that signed it" in untrusted.reason
    assert trusted.verdict is Verdict.DELIVERED
    assert len(server.requests) == 1


@BOTH
def test_a_certificate_for_another_host_is_not_trusted(
    send: object, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """Although its CA is."""
    assert callable(send)
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    with FarSide(pair=authority.issue("far", ("hooks.example.com",))).serving() as server:
        reason = send(f"localhost:{server.port}").reason
        assert "not trusted: Hostname mismatch, certificate is not valid for 'localhost'" in reason
        assert (
            f"verified with SSL_CERT_FILE={authority.certificate}; write the name that is in the certificate" in reason
        )
    assert server.requests == []


@BOTH
def test_the_proxy_of_the_environment_is_used_except_for_no_proxy(
    send: object, authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """CONNECT to a host that only the proxy knows, and a direct connection to an excluded one."""
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


def test_a_channel_may_have_its_own_ca_bundle(authority: Authority) -> None:
    """``cafile`` applies to this channel only."""
    with FarSide(pair=authority.issue("far")).serving() as server:
        assert native(f"localhost:{server.port}", f"?cafile={authority.certificate}").verdict is Verdict.DELIVERED
        assert native(f"localhost:{server.port}").verdict is Verdict.RETRY
        other = make_authority(authority.certificate.parent, "other").certificate
        reason = native(f"localhost:{server.port}", f"?cafile={other}").reason
    assert "verified with the file in `cafile`; trust the CA that signed it" in reason


def test_a_server_that_requires_a_client_certificate_is_reported(
    authority: Authority, environment: pytest.MonkeyPatch
) -> None:
    """Mutual TLS: the reason says what is missing, and what to do.

    With TLS 1.3 the server may reset the connection while the request is sent, and the reason is lost.
    """
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    pair, version = authority.issue("far"), ssl.TLSVersion.TLSv1_2
    with FarSide(pair=pair, client_authority=authority.certificate, version=version).serving() as server:
        outcomes = [send(f"localhost:{server.port}") for send in (native, session)]
    for outcome in outcomes:
        assert outcome.verdict is Verdict.RETRY
        assert "TLS handshake with localhost failed: the server requires a client certificate" in outcome.reason


def test_an_unsupported_proxy_is_reported_at_start(environment: pytest.MonkeyPatch) -> None:
    """Not at the first alert."""
    from bridge.channels.registry import problem_with

    environment.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    assert "proxy" in str(problem_with("webhooks://hooks.example.com/"))


def test_all_connections_share_one_tls_context(authority: Authority, environment: pytest.MonkeyPatch) -> None:
    """The bundle is read once, and again if it changes; ten posts use one connection."""
    environment.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert trust.trusted() is trust.trusted()
    peers: set[int] = set()

    def note(_request: object) -> Answer:
        peers.add(get_ident())
        return Answer()

    with FarSide(note, authority.issue("far")).serving() as server, PooledSession() as pooled:
        for _ in range(10):
            assert pooled.post(f"https://localhost:{server.port}/", data=b"{}", timeout=60).ok
    assert len(peers) == 1, "the server uses a thread for each connection"
