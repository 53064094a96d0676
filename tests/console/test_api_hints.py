"""Checking and completing edited routes through the operator API, by programs and by hostile requests."""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.console.api.hints import Offsets, completions, problems
from bridge.console.backtest.files import EditError
from bridge.console.backtest.runs import Backtests
from bridge.operator.actor import OperationError
from bridge.operator.backtest_model import CheckRoutes, CompleteRoutes
from tests.console.conftest import ROUTES, Visitor
from tests.console.test_api import call

TYPED = 'route "x" { when k8s.ns.nam = prod to pager }\r\n'
OPERATIONS = ("problems", "completions")


def check(visitor: Visitor, text: str, status: int = 200, **more: object) -> Any:
    return call(visitor, "POST", "/backtests/problems", status, json={"text": text} | more)


def complete(visitor: Visitor, text: str, offset: int, status: int = 200, **more: object) -> Any:
    return call(visitor, "POST", "/backtests/completions", status, json={"text": text, "offset": offset} | more)


@pytest.mark.parametrize("before", ["", "# \U0001f980\r\n", "# é\n"])
@pytest.mark.parametrize("units", ["characters", "utf-16"])
def test_a_problem_has_the_offsets_of_the_text_that_was_sent(reader: Visitor, before: str, units: str) -> None:
    """In characters or as in a browser, for any line ends; its fix, applied there, removes it."""
    text = before + TYPED
    found = check(reader, text, units=units)
    assert not found["usable"]
    problem = found["items"][0]
    assert (problem["severity"], problem["line"], problem["column"]) == ("error", 1 + before.count("\n"), 18)
    wide = "utf-16-le" if units == "utf-16" else "utf-32-le"
    size = 2 if units == "utf-16" else 4
    sent = text.encode(wide)
    assert sent[size * problem["start"] : size * problem["end"]].decode(wide) == "k8s.ns.nam"
    (fix,) = problem["fixes"]
    fixed = (sent[: size * fix["start"]] + fix["text"].encode(wide) + sent[size * fix["end"] :]).decode(wide)
    assert check(reader, fixed, units=units) == {"items": [], "more": 0, "usable": True}


def test_places_are_completed(reader: Visitor) -> None:
    """Fields and channels, also in one route of a file; what is beyond the end is the end."""
    text = '# \U0001f980\r\nroute "x" { when k8s.ns.n'
    for offset in (len(text), 10**9):
        found = complete(reader, text, offset)
        assert found["start"] == len(text) - len("k8s.ns.n")
        assert found["items"][0]["text"] == "k8s.ns.name"
        assert len(found["items"]) <= 50
    file = call(reader, "GET", "/backtests/file", params={"route": "typed"})
    assert file["text"] == 'route "typed" { when source = terminal to archive }'
    assert file["routes"] == ["hostile", "flood", "typed"]
    text = file["text"].replace("archive }", "p")
    assert complete(reader, text, len(text), route="typed")["items"][0]["label"] == "pager"
    assert 'no route "none"' in call(reader, "GET", "/backtests/file", 404, params={"route": "none"})["detail"]


def test_a_problem_elsewhere_has_its_file_and_line(reader: Visitor) -> None:
    """Such as in another route of the file, when one route is edited."""
    found = check(reader, 'route "typed" { when source = terminal to archive }', route="hostile")
    elsewhere = [each for each in found["items"] if each["start"] is None]
    assert elsewhere
    for each in elsewhere:
        assert (each["end"], each["fixes"]) == (None, [])
        assert each["file"].endswith("test.route")
        assert each["line"] <= ROUTES.count("\n")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"text": "x" * 262_145}, 400, "text"),
        ({"text": "x", "file": "/etc/passwd"}, 400, "the config does not name"),
        ({"text": "x", "file": "../" * 2000}, 400, "file"),
        ({"text": "x", "route": "none"}, 400, 'no route "none"'),
        ({"text": "x", "units": "bytes"}, 400, "units"),
        ({"text": "x", "offset": -1}, 400, "offset"),
        ({"text": "x", "offset": "1"}, 400, "offset"),
        ({"text": 1}, 400, "text"),
        ({"text": "x", "config": "/etc/passwd"}, 400, "config"),
        ({}, 400, "text"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_wrong_question_is_refused_with_a_sentence(
    reader: Visitor, body: dict[str, Any], status: int, sentence: str
) -> None:
    """By both operations; none reads a file that the routes do not read."""
    assert sentence in call(reader, "POST", "/backtests/completions", status, json={"offset": 0} | body)["detail"]
    if "offset" not in body:
        answer = call(reader, "POST", "/backtests/problems", status, json=body)
        assert sentence in answer["detail"]
        assert "root:" not in str(answer)


def raw(visitor: Visitor, method: str, body: bytes, operation: str = "problems", **headers: str) -> tuple[int, bytes]:
    """An exact request of somebody with the token."""
    connection = http.client.HTTPConnection(urlsplit(visitor.url).netloc, timeout=60)
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {visitor.token}"} | headers
    try:
        connection.request(method, f"/api/v1/backtests/{operation}", body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_hostile_requests_are_refused_and_the_next_one_is_answered(reader: Visitor, operation: str) -> None:
    """Sizes, encodings, methods, Host and Origin; no answer repeats the token."""
    text = b'{"offset": 3, "text": "%s"}'
    for status, body, method, headers in (
        (400, b"\xff\xfe", "POST", {}),
        (400, b"[" * 100_000, "POST", {}),
        (400, text % rb"\ud800", "POST", {}),
        (400, text % b"\x00", "POST", {}),
        (413, text % (b"x" * (4 << 20)), "POST", {}),
        (415, text % b"x", "POST", {"Content-Type": "text/plain"}),
        (404, b"", "GET", {}),
        (405, text % b"x", "PUT", {}),
        (405, b"", "DELETE", {}),
        (403, text % b"x", "POST", {"Host": "evil.example"}),
        (403, text % b"x", "POST", {"Origin": "https://evil.example"}),
        (403, text % b"x", "POST", {"Origin": "null"}),
        (403, text % b"x", "POST", {"Sec-Fetch-Site": "same-site"}),
        (401, text % b"x", "POST", {"Authorization": "Bearer wrong"}),
        (401, text % b"x", "POST", {"Authorization": ""}),
    ):
        answer = raw(reader, method, body, operation, **headers)
        assert answer[0] == status, (body[:40], headers, answer)
        assert reader.token.encode() not in answer[1]
    escaped = text.replace(b'"offset": 3, ', b"" if operation == "problems" else b'"offset": 3, ') % (
        rb"\u00e9" * 262_144
    )
    assert raw(reader, "POST", escaped, operation)[0] == 200


def test_cursors_and_limits_are_bounded(reader: Visitor) -> None:
    """Of every list that the console serves: what is no cursor is refused, and what is beyond the end is empty."""
    for path in ("/alerts", "/routes", "/sessions", "/incidents", "/silences"):
        for wrong in ("x", "-1", "1e3", "٣", "9" * 300, "0x10", "1 OR 1=1", "\x00", "\ud83e\udd80"):
            call(reader, "GET", path, 400, params={"cursor": wrong.encode("utf-16", "surrogatepass").decode("utf-16")})
        for wrong in ("0", "-1", "501", "x"):
            if path != "/sessions":
                call(reader, "GET", path, 400, params={"limit": wrong})
    assert call(reader, "GET", "/routes", params={"cursor": "999999999"})["items"] == []


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backtests]:
    """The editor of a config whose channels contain secrets."""
    folder = tmp_path_factory.mktemp("secretive")
    (folder / "key").write_text("k3y-of-the-hook\n", "utf-8")
    (folder / "a.route").write_text('route "a" { when rule exists to chat }\n', "utf-8")
    (folder / "falco-bridge.yaml").write_text(
        '{"channels": {"chat": "slack://T1234567/B1234567/hunter2hunter2hunter2abc", '
        f'"hook": "https://example.org/${{file:{folder}/key}}"}}, "routes": ["{folder}/a.route"], "journal": "j.db"}}',
        "utf-8",
    )
    backtests = Backtests(str(folder / "falco-bridge.yaml"))
    yield backtests
    backtests.hints.close()


def test_no_answer_contains_a_secret(secretive: Backtests) -> None:
    """Channels are completed by name; a config that cannot be used is explained without its secrets."""
    text = 'route "a" { when rule exists to '
    found = completions(secretive, CompleteRoutes(text, len(text)))
    assert {"chat", "hook"} <= {each.label for each in found.items}
    answers = [str(found), str(problems(secretive, CheckRoutes(text)))]
    config = Path(secretive.config)
    whole = config.read_text("utf-8")
    for wrong in (whole.replace('"routes"', '"ruotes"'), whole.replace("slack://", "slack:/"), whole[:-1]):
        config.write_text(wrong, "utf-8")
        try:
            answers.append(str(problems(secretive, CheckRoutes(text))))
        except (EditError, OperationError) as refused:
            answers.append(str(refused))
    assert "ruotes" in answers[2]
    config.write_text(whole, "utf-8")
    assert not [each for each in answers if "hunter2" in each or "k3y-of" in each]


def test_offsets_survive_every_line_end_and_every_width() -> None:
    """Both ways, for every short text of these characters."""
    for length in range(6):
        for parts in itertools.product(("a", "\r", "\n", "\U0001f980"), repeat=length):
            sent = "".join(parts)
            for utf_16 in (False, True):
                offsets = Offsets(sent, utf_16=utf_16)
                shown = [offsets.shown(each) for each in range(len(offsets.text) + 1)]
                assert [offsets.read(each) for each in shown] == list(range(len(offsets.text) + 1))
                assert shown == sorted(set(shown))
                assert shown[-1] == (len(sent.encode("utf-16-le")) // 2 if utf_16 else len(sent))
