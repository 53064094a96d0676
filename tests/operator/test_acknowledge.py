"""The acknowledgement page: what it shows, what it changes, and what it refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.delivery.ack_link import PATH, Claim, sign
from bridge.operator.acknowledge import app as acknowledge
from bridge.operator.acknowledge.app import acknowledge_app
from bridge.operator.serving.connection import ServedSockets
from bridge.pipeline.controls.incidents import RunningIncidents
from tests.operator.serving import Answer, ask_tcp, port_of, served, tcp_sockets
from tests.pipeline.test_controls import bridge, receive

KEY = b"k" * 32
HOSTILE = "<script>alert(1)</script>\u202e\n\"'&"


class Page:
    """One incident's page."""

    def __init__(self, incidents: RunningIncidents, port: int) -> None:
        self.incidents = incidents
        self.port = port
        self.incident = incidents.incidents()[0].id

    def path(self, seconds: float = 60.0, key: bytes = KEY) -> str:
        return PATH + sign(Claim(self.incident, "chat"), int(time.time() + seconds), key)

    def ask(self, method: str, path: str = "", body: bytes | None = None, **headers: str) -> Answer:
        return ask_tcp(self.port, method, path or self.path(), body, **{"Host": "b.example.org", **headers})

    @property
    def state(self) -> tuple[str, str]:
        incident = self.incidents.incidents()[0].incident
        return incident.state.value, incident.actor


@contextmanager
def serving(folder: Path, user: str = "root") -> Iterator[Page]:
    with bridge(folder / "j.db") as (intake, _, incidents):
        receive(intake, 1, user)
        listener = ServedSockets(tcp_sockets(), acknowledge_app(incidents, "https://b.example.org/x", KEY))
        with served(listener):
            yield Page(incidents, port_of(listener))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with serving(tmp_path) as page:
        yield page


def test_get_shows_the_incident_and_changes_nothing(page: Page) -> None:
    """Chats fetch links for their previews, some with HEAD."""
    for method in ("GET", "HEAD", "GET"):
        status, headers, body = page.ask(method)
        assert status == 200
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    text = body.decode()
    assert "<dd>shells</dd>" in text
    assert '<form method="post">' in text
    assert "<script" not in text
    assert page.state == ("open", "")


def test_post_acknowledges_and_records_who(page: Page) -> None:
    """A second one changes nothing."""
    status, _, body = page.ask("POST", body=b"name=Alice+%3Cb%3E", Origin="https://b.example.org")
    assert (status, "Acknowledged" in body.decode(), "<form" in body.decode()) == (200, True, False)
    assert "Alice &lt;b&gt; (link via chat)" in body.decode()
    assert page.state == ("acknowledged", "Alice <b> (link via chat)")
    assert page.ask("POST", body=b"name=Mallory")[0] == 200
    assert page.state == ("acknowledged", "Alice <b> (link via chat)")


def test_without_a_name_the_channel_is_recorded(page: Page) -> None:
    """The body may be empty."""
    assert page.ask("POST", body=b"")[0] == 200
    assert page.state == ("acknowledged", "link via chat")


def test_what_an_attacker_wrote_is_escaped(tmp_path: Path) -> None:
    """The incident's key comes from the alert."""
    with serving(tmp_path, HOSTILE) as page:
        text = page.ask("GET")[2].decode()
        assert "&lt;script&gt;" in text
        assert "<script" not in text
        assert "\u202e" not in text


def test_other_requests_are_refused_and_change_nothing(page: Page) -> None:
    """Expired, forged, of another site's page, for another host, too large, another method or path."""
    refused = {
        page.ask("POST", page.path(-1))[0], page.ask("POST", page.path(key=b"o" * 32))[0],
        page.ask("POST", PATH + "x")[0], page.ask("GET", f"{page.path()}/")[0], page.ask("POST", "/")[0], page.ask("PUT")[0],
        page.ask("POST", PATH + sign(Claim("0" * 16, "chat"), 2**32 - 1, KEY))[0],
    }  # fmt: skip
    assert refused == {404}
    assert page.ask("POST", Origin="https://evil.example")[0] == 403
    assert page.ask("POST", Origin="null", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert page.ask("POST", Host="evil.example")[0] == 403
    assert page.ask("POST", body=b"name=" + b"x" * 5000)[0] == 400
    assert page.state == ("open", "")


def test_requests_are_limited(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without a valid link do not count: strangers could keep people from acknowledging."""
    monkeypatch.setattr(acknowledge, "_RATE", 0.0)
    assert {page.ask("GET", PATH + "x")[0] for _ in range(35)} == {404}
    answers = [page.ask("GET")[0] for _ in range(35)]
    assert answers == [200] * 30 + [429] * 5
