"""Amazon's services on loopback: moto's server, with the state of each test alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.channels.native.aws.client import make_session

REGION = "eu-central-1"
LOGIN = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PARAMETERS = f"region={REGION}&endpoint="


@dataclass(frozen=True)
class Cloud:
    """The server, and clients of it that tests look through."""

    url: str

    def client(self, service: str) -> Any:
        session = make_session()
        session.set_credentials(*LOGIN.split(":"))
        return session.create_client(service, region_name=REGION, endpoint_url=self.url)

    def channel(self, url: str, parameters: str = "") -> str:
        """The URL of a channel with login, region and endpoint."""
        scheme, _, rest = url.partition("://")
        more = f"&{parameters}" if parameters else ""
        return f"{scheme}://{LOGIN}@{rest}?{PARAMETERS}{self.url}{more}"


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Neither this machine's environment and files nor its metadata service."""
    import os

    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture
def cloud(moto_server: str) -> Iterator[Cloud]:
    from moto.moto_api._internal import moto_api_backend

    yield Cloud(moto_server)
    moto_api_backend.reset()
