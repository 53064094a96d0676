"""Apprise's channels: the response of the service decides, and reasons contain no secrets."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.alert import Priority
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import compose
from bridge.channels.registry import open_channel, problem_with
from bridge.channels.render import plain
from bridge.delivery import Delivery
from tests.support.builders import alert, delivery, notification
from tests.support.far_side import Answer, FarSide

HOSTILE = "<!channel> @everyone \x1b[31m \u202e \x00 <https://evil|x>"


pytestmark = pytest.mark.usefixtures("intercepted")


def made(command: str = "rm -rf /", title: str | None = None) -> Delivery:
    """A delivery of an alert with this command, with a route's title."""
    to = notification("c", "route x", severity=Priority.CRITICAL, title=title)
    return delivery(alert(rule="r", fields={"proc.cmdline": command}), to=to)


def send(answer: Answer) -> Outcome:
    with FarSide(lambda _: answer).serving() as server:
        return open_channel("c", f"json://127.0.0.1:{server.port}/token-abcdef", {}).send([made()])


@pytest.mark.parametrize(
    ("answer", "verdict", "wait"),
    [
        (Answer(200), Verdict.DELIVERED, None),
        (Answer(204, b""), Verdict.DELIVERED, None),
        (Answer(429, b"slow", {"Retry-After": "7"}), Verdict.RETRY, 7.0),
        (Answer(500, b"oops"), Verdict.RETRY, None),
        (Answer(404, b"no token-abcdef here"), Verdict.CHANNEL_FAULT, None),
        (Answer(302, b"", {"Location": "http://127.0.0.1/login"}), Verdict.CHANNEL_FAULT, None),
        (Answer(200, b'{"ok":false,"error":"invalid_auth"}'), Verdict.CHANNEL_FAULT, None),
        (Answer(200, b'{"ok":false,"retry_after":3}'), Verdict.RETRY, 3.0),
    ],
)
def test_status_and_body_decide(answer: Answer, verdict: Verdict, wait: float | None) -> None:
    """A redirect is not followed; the reason contains no token."""
    outcome = send(answer)
    assert (outcome.verdict, outcome.retry_after) == (verdict, wait)
    assert "token-abcdef" not in outcome.reason


def test_retry_after_may_be_a_date() -> None:
    """The other form of the header."""
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    outcome = send(Answer(503, b"", {"Retry-After": moment}))
    assert outcome.retry_after is not None
    assert 3000 < outcome.retry_after <= 3601


def test_a_refused_connection_is_tried_again() -> None:
    """A closed port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = open_channel("c", f"json://127.0.0.1:{port}/", {}).send([made()])
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason == "connection refused: nothing listens on this port"


def test_the_first_two_lines_say_how_bad_what_where_and_who() -> None:
    """As shown on a phone."""
    message = compose(made(title="%proc.cmdline ran"), {"cluster": "eu-1"})
    assert message.subject == "[CRITICAL] rm -rf / ran"
    assert plain.body(message).partition("\n")[0] == "rm -rf / · eu-1 · node-1"
    assert "route: route x" in plain.body(message)


def test_hostile_text_is_visible_and_bounded() -> None:
    """No control or bidirectional characters, no megabyte; every line is printable."""
    message = compose(made(HOSTILE + "A" * 1_000_000, title="%proc.cmdline"), {})
    assert len(message.subject) < 300
    assert len(plain.body(message)) < 10_000
    assert all(line.isprintable() for line in [message.subject, *plain.body(message).split("\n")])


@pytest.mark.parametrize(
    ("url", "problem_part"),
    [
        ("slak://hunter2/b/c", "did you mean `slack`?"),
        ("slack://hunter2", "its form is slack://{token_a}/{token_b}/{token_c}, see https://"),
        ("pagerduty://hunter2", "its form is pagerduty://{integrationkey}@{apikey}, see https://"),
        ("https://hunter2.example.com/x", "to post alerts as JSON, write webhooks://"),
        ("hunter2", "write SCHEME://"),
        ("file://", "write file://NAME.jsonl"),
    ],
)
def test_a_problem_with_a_url_names_the_remedy_and_no_secret(url: str, problem_part: str) -> None:
    """The URL itself is not part of the problem."""
    problem = problem_with(url)
    assert problem is not None
    assert problem_part in problem
    assert "hunter2" not in problem
    assert problem_with("console://") is None
