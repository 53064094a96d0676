"""The courier's own way to the services: its sessions, and a far side behind their real names."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
import requests
from urllib3.connection import HTTPConnection

from bridge.channels.apprise import intercept
from bridge.channels.apprise.timeouts import RequestTimeouts
from tests.support.certificates import make_authority
from tests.support.far_side import FarSide, connect_proxy
from tests.support.services import HOSTS, answer_as_they_do

VERBS = ("request", "get", "post", "put", "patch", "delete", "head", "options")


@pytest.fixture
def probed() -> Iterator[None]:
    """The courier's sessions in this process, in a hurry, put back afterwards."""
    kept = {name: getattr(requests, name) for name in VERBS}
    inner, reply = requests.api.request, smtplib.SMTP.getreply
    intercept.install(RequestTimeouts(connect=2.0, read=0.5, total=1.0))
    yield
    HTTPConnection.response_class = HTTPResponse
    for name, function in kept.items():
        setattr(requests, name, function)
    requests.api.request = inner
    smtplib.SMTP.getreply = reply  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def behind_the_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarSide, str, str]]:
    """One TLS server that every service's name leads to, the proxy that leads there, and the authority to trust."""
    authority = make_authority(tmp_path_factory.mktemp("services"))
    with FarSide(pair=authority.issue("services", HOSTS)).serving() as server, connect_proxy(server.port) as proxy:
        yield server, proxy, str(authority.certificate)


@pytest.fixture
def services(
    behind_the_proxy: tuple[FarSide, str, str], probed: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSide]:
    """The services, answering as they do; nothing received yet."""
    server, proxy, authority = behind_the_proxy
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    server.requests.clear()
    server.answer = answer_as_they_do
    yield server
    server.requests.clear()
