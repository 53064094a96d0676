"""What the far side really said decides; secrets and markup stay where they belong."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_form import decode_json
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import compose
from bridge.channels.registry import open_channel, problem_with
from bridge.channels.render import plain
from bridge.common.text import one_line, shortened
from bridge.delivery import Delivery
from bridge.routing import Notification
from tests.support.far_side import Answer, FarSide

HOSTILE = "<!channel> @everyone \x1b[31m \u202e \x00 <https://evil|x>"


pytestmark = pytest.mark.usefixtures("probed")


def delivery(command: str = "rm -rf /", title: str | None = None) -> Delivery:
    body = {"rule": "r", "priority": "Warning", "hostname": "node-1", "output_fields": {"proc.cmdline": command}}
    import json

    alert = decode_json(json.dumps(body).encode(), 1)
    assert isinstance(alert, Alert)
    return Delivery(1, alert, Notification("c", ("route x",), Priority.CRITICAL, title), 0, 1)


def send(answer: Answer) -> Outcome:
    with FarSide(lambda _: answer).serving() as server:
        return open_channel("c", f"json://127.0.0.1:{server.port}/token-abcdef", {}).send([delivery()])


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
def test_each_answer_has_its_meaning(answer: Answer, verdict: Verdict, wait: float | None) -> None:
    """Status and body decide; a redirect to a page that says 200 is no delivery; no token in the reason."""
    outcome = send(answer)
    assert (outcome.verdict, outcome.retry_after) == (verdict, wait)
    assert "token-abcdef" not in outcome.reason


def test_retry_after_may_be_a_date() -> None:
    """HTTP's other form."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    outcome = send(Answer(503, b"", {"Retry-After": moment}))
    assert outcome.retry_after is not None
    assert 50 < outcome.retry_after <= 61


def test_nobody_there_is_tried_again() -> None:
    """A closed port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = open_channel("c", f"json://127.0.0.1:{port}/", {}).send([delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason == "connection refused: nothing listens on this port"


def test_the_first_two_lines_tell_what_where_who_and_how_bad() -> None:
    """As read on a phone."""
    message = compose(delivery(title="%proc.cmdline ran"), {"cluster": "eu-1"})
    assert message.subject == "[CRITICAL] rm -rf / ran"
    assert plain.body(message).partition("\n")[0] == "eu-1 · node-1 · rm -rf /"
    assert "route: route x" in plain.body(message)


def test_hostile_text_is_made_visible_and_bounded() -> None:
    """No control, no bidi, no megabyte; every line is printable."""
    message = compose(delivery(HOSTILE + "A" * 1_000_000, title="%proc.cmdline"), {})
    assert len(message.subject) < 300
    assert len(plain.body(message)) < 10_000
    assert all(line.isprintable() for line in [message.subject, *plain.body(message).split("\n")])
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert one_line("a\nb", 10) == "a\\x0ab"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("slak://hunter2/b/c", "did you mean `slack`?"),
        ("slack://hunter2", "its form is slack://{token_a}/{token_b}/{token_c}, see https://"),
        ("pagerduty://hunter2", "its form is pagerduty://{integrationkey}@{apikey}, see https://"),
        ("https://hunter2.example.com/x", "to post alerts as JSON, write webhooks://"),
        ("hunter2", "write SCHEME://"),
        ("file://", "write file://NAME.jsonl"),
    ],
)
def test_what_is_no_channel_is_told_without_the_url(url: str, told: str) -> None:
    """With a way out."""
    problem = problem_with(url)
    assert problem is not None
    assert told in problem
    assert "hunter2" not in problem
    assert problem_with("console://") is None
