"""Fixtures: intercepted Apprise plugins, with long and short timeouts, and services behind their real host names."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
import requests
from urllib3.connection import HTTPConnection

from bridge.channels.apprise import intercept
from bridge.channels.apprise.timeouts import RequestTimeouts
from bridge.common.files import trust
from tests.support.certificates import make_authority
from tests.support.far_side import FarSide, connect_proxy
from tests.support.services import HOSTS, success_response

FUNCTIONS = ("request", "get", "post", "put", "patch", "delete", "head", "options")
LONG = RequestTimeouts(connect=60.0, read=60.0, total=60.0)
"""For tests in which the server responds, however busy the machine is."""
SHORT = RequestTimeouts(connect=60.0, read=0.5, total=1.0)
"""For tests in which the server does not respond."""


@pytest.fixture
def intercepted() -> Iterator[None]:
    """Intercept ``requests`` and ``smtplib`` as the courier does, and restore them afterwards."""
    functions = {name: getattr(requests, name) for name in FUNCTIONS}
    api_request, getreply = requests.api.request, smtplib.SMTP.getreply
    intercept.install(LONG)
    yield
    HTTPConnection.response_class = HTTPResponse
    for name, function in functions.items():
        setattr(requests, name, function)
    requests.api.request = api_request
    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def behind_the_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarSide, str, str]]:
    """One TLS server for the host names of all services, the proxy that leads to it, and the CA to trust."""
    authority = make_authority(tmp_path_factory.mktemp("services"))
    with FarSide(pair=authority.issue("services", HOSTS)).serving() as server, connect_proxy(server.port) as proxy:
        yield server, proxy, str(authority.certificate)


@pytest.fixture
def services(
    behind_the_proxy: tuple[FarSide, str, str], intercepted: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSide]:
    """The server of all services. It responds as they do, and has no recorded requests."""
    server, proxy, authority = behind_the_proxy
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    trust.proxies.cache_clear()  # another test may have used another proxy for the same hosts
    server.requests.clear()
    server.answer = success_response
    yield server
    server.requests.clear()
    trust.proxies.cache_clear()
