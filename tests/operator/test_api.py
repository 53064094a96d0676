"""The operator API: its description, its answers, its problems, who may call it, and that no call can hold it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from bridge.alert.rejected import RejectedMessage
from bridge.delivery import Circuit, DeliveryState, Health, Settlement
from bridge.http.guard import Guard
from bridge.journal.opening import open_for_router
from bridge.operator.actor import Actor, OperationError
from bridge.operator.api.access import Access
from bridge.operator.api.app import api_app
from bridge.operator.api.openapi import openapi_document
from bridge.operator.api.operations import PREFIX, Operation, all_operations
from bridge.operator.client import AdminClient, AdminError, NotRunningError
from bridge.operator.model.base import Answer, NoParameters, Problem, Request
from bridge.operator.model.dead_letters import DeadLettersChanged, SelectDeadLetters
from bridge.operator.model.incidents import ChangeIncidents, IncidentList
from bridge.operator.model.silences import (
    AddSilence,
    ExpireSilences,
    PreviewSilence,
    SilenceList,
    SilencePreview,
    SilenceStatus,
    UpdateSilence,
)
from bridge.operator.model.status import Status
from bridge.operator.operations.channel_test import ChannelOperations
from bridge.operator.operations.dead_letters import DeadLetterOperations
from bridge.operator.operations.incidents import IncidentOperations
from bridge.operator.operations.quarantine import QuarantineOperations
from bridge.operator.operations.reload import ReloadOperations
from bridge.operator.operations.shadow import ShadowOperations
from bridge.operator.operations.silences import SilenceOperations
from bridge.operator.serving.connection import ServedSockets
from tests.courier.working import entry
from tests.operator.serving import ask_tcp, ask_unix, port_of, served, tcp_sockets, unix_sockets
from tests.operator.state import NoReload, an_inspector, controls_of
from tests.support.waiting import wait_until


class Echo(Request, frozen=True):
    number: int
    text: str = ""


class Echoed(Answer, frozen=True):
    actor: str
    number: int
    text: str


def echo(actor: Actor, request: Echo) -> Echoed:
    return Echoed(actor=actor.name, number=request.number, text=request.text)


def refuse(_actor: Actor, _request: NoParameters) -> Echoed:
    raise OperationError("the journal is busy; try again", 503)


def fail(_actor: Actor, _request: NoParameters) -> Echoed:
    raise ZeroDivisionError


TEST_OPERATIONS = (
    Operation("GET", "/echo/{number}", "Echo.", Echo, Echoed, echo),
    Operation("POST", "/echo", "Echo.", Echo, Echoed, echo),
    Operation("GET", "/refuse", "Refuse.", NoParameters, Echoed, refuse),
    Operation("GET", "/fail", "Fail.", NoParameters, Echoed, fail),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sock"


@pytest.fixture
def api(path: Path) -> Iterator[Path]:
    with served(ServedSockets(unix_sockets(path), api_app(TEST_OPERATIONS, Access()))):
        yield path


def problem(answer: tuple[int, Any, bytes], status: int) -> str:
    """The sentence of an answer that must be a problem with that status."""
    assert answer[0] == status, answer
    assert answer[1]["content-type"] == "application/problem+json"
    shown = msgspec.json.decode(answer[2], type=Problem)
    assert shown.status == status
    return shown.detail


# Requests and answers


def test_parameters_come_from_path_query_and_body(api: Path) -> None:
    """The actor comes from the kernel, whatever the request says."""
    import pwd

    user = pwd.getpwuid(os.geteuid()).pw_name
    _, _, got = ask_unix(api, "GET", "/echo/7?text=%C3%BC")
    assert json.loads(got) == {"actor": user, "number": 7, "text": "ü"}
    body = json.dumps({"number": 8, "text": "x"}).encode()
    _, _, got = ask_unix(api, "POST", "/echo", body, Content_Type="application/json")
    assert json.loads(got)["number"] == 8


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "sentence"),
    [
        ("GET", "/echo/x", None, 400, "number"),
        ("GET", "/echo/7?nonsense=1", None, 400, "nonsense"),
        ("GET", "/nothing", None, 404, "openapi.json lists the operations"),
        ("GET", "/echo/7/", None, 404, "openapi.json lists the operations"),
        ("DELETE", "/echo/7", None, 405, "method is not supported"),
        ("POST", "/echo", b"", 400, "not JSON"),
        ("POST", "/echo", b"[]", 400, "not a JSON object"),
        ("POST", "/echo", b"\xff", 400, "not JSON"),
        ("POST", "/echo", b"[" * 100_000, 400, "not JSON"),
        ("POST", "/echo", b'{"number": "7"}', 400, "Expected `int`"),
        ("POST", "/echo", b'{"number": 7, "other": 1}', 400, "other"),
        ("POST", "/echo", b"x" * (2 << 20), 413, "at most 1048576 bytes"),
    ],
    ids=lambda each: repr(each[:20]) if isinstance(each, bytes) else None,
)
def test_a_wrong_request_is_a_problem_and_the_next_is_answered(
    api: Path, method: str, target: str, body: bytes | None, status: int, sentence: str
) -> None:
    """With a sentence that names what is wrong."""
    headers = {} if body is None else {"Content_Type": "application/json"}
    assert sentence in problem(ask_unix(api, method, target, body, **headers), status)
    assert ask_unix(api, "GET", "/echo/7")[0] == 200


def test_a_body_must_be_declared_as_json(api: Path) -> None:
    """A form of another site cannot send that type."""
    shown = problem(ask_unix(api, "POST", "/echo", b'{"number": 7}', Content_Type="text/plain"), 415)
    assert "Content-Type: application/json" in shown


def test_a_refusal_and_a_fault_are_problems(api: Path) -> None:
    """The first with its sentence; of the second the log has the error."""
    assert problem(ask_unix(api, "GET", "/refuse"), 503) == "the journal is busy; try again"
    assert "bridge failed at `get_fail`" in problem(ask_unix(api, "GET", "/fail"), 500)
    assert ask_unix(api, "GET", "/echo/7")[0] == 200


def test_hanging_operations_hold_up_no_other(path: Path) -> None:
    """Until there are more of them than may run; then the answer says so at once."""
    release, started = threading.Event(), threading.Semaphore(0)

    def hang(_actor: Actor, _request: NoParameters) -> Echoed:
        started.release()
        release.wait(100)
        return Echoed(actor="", number=0, text="")

    operations = (*TEST_OPERATIONS, Operation("GET", "/hang", "Hang.", NoParameters, Echoed, hang))
    with served(ServedSockets(unix_sockets(path), api_app(operations, Access()))), ExitStack() as stack:
        stack.callback(release.set)
        for number in range(1, 17):
            hanging = stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
            hanging.connect(str(path))
            hanging.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            assert started.acquire(timeout=60)
            if number == 15:
                assert ask_unix(path, "GET", "/echo/7")[0] == 200
        assert "16 operations are running" in problem(ask_unix(path, "GET", "/echo/7"), 503)
        release.set()
        wait_until(lambda: ask_unix(path, "GET", "/echo/7")[0] == 200, "an answer after the others ended")


# Who may call


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_even_past_the_mode_of_the_socket(api: Path) -> None:
    """If somebody made it accessible to everyone."""
    api.chmod(0o777)
    api.parent.chmod(0o755)
    script = """
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect("a.sock")
s.sendall(b"GET /echo/7 HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
print(b"".join(iter(lambda: s.recv(9999), b"")).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=api.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert "HTTP/1.1 403" in done.stdout, done.stderr
    assert "only the user that runs the bridge, and root" in done.stdout


@pytest.fixture
def tcp() -> Iterator[int]:
    guard = Guard(token="0123456789")
    app = api_app(TEST_OPERATIONS, Access(guard, ("bridge.example",)))
    listener = ServedSockets(tcp_sockets(), app)
    with served(listener):
        yield port_of(listener)


TOKEN = {"Authorization": "Bearer 0123456789"}


@pytest.mark.parametrize("target", ["/echo/7", f"{PREFIX}/openapi.json"])
def test_tcp_requires_the_token(tcp: int, target: str) -> None:
    """And names the address in the log."""
    for headers in ({}, {"Authorization": "Bearer wrong-token"}, {"Authorization": "Basic 0123456789"}):
        answer = ask_tcp(tcp, "GET", target, **headers)
        assert "Authorization: Bearer" in problem(answer, 401)
        assert answer[1]["www-authenticate"] == "Bearer"
    assert ask_tcp(tcp, "GET", target, **TOKEN)[0] == 200
    assert json.loads(ask_tcp(tcp, "GET", "/echo/7", **TOKEN)[2])["actor"] == "token from 127.0.0.1"


def test_a_listener_without_a_token_answers_no_request() -> None:
    """An empty token is no token."""
    listener = ServedSockets(tcp_sockets(), api_app(TEST_OPERATIONS, Access(Guard())))
    with served(listener):
        problem(ask_tcp(port_of(listener), "GET", "/echo/7"), 401)
        problem(ask_tcp(port_of(listener), "GET", "/echo/7", Authorization="Bearer "), 401)


def test_tcp_checks_host_and_origin(tcp: int) -> None:
    """A page of another site can make a browser send neither its own name nor another origin."""
    for host in ("127.0.0.1:1", "[::1]:1", "localhost", "LOCALHOST:80", "bridge.example", "Bridge.Example:9000"):
        assert ask_tcp(tcp, "GET", "/echo/7", Host=host, **TOKEN)[0] == 200, host
    for host in ("evil.example", "localhost.evil.example", "", "[", "127.0.0.1.evil.example"):
        answer = ask_tcp(tcp, "GET", "/echo/7", Host=host, **TOKEN)
        assert answer[0] in {400, 403}, host
    own = f"localhost:{tcp}"
    assert ask_tcp(tcp, "GET", "/echo/7", Host=own, Origin=f"http://{own}", **TOKEN)[0] == 200
    for origin in ("http://evil.example", "null", "http://localhost:1", "http://localhost"):
        shown = problem(ask_tcp(tcp, "GET", "/echo/7", Host=own, Origin=origin, **TOKEN), 403)
        assert "other origins" in shown, origin


# The operations of a bridge


def letters(journal: Path, count: int) -> None:
    """A journal with dead letters of channel a, and rejected messages."""
    with closing(open_for_router(journal)) as opened:
        entries = [entry(f"n{number}", "a") for number in range(count)]
        opened.alerts.append(
            "s", 1, entries, [RejectedMessage("is no JSON", b"\xff%d" % number) for number in range(count)]
        )
        settlements = [
            Settlement(number, DeliveryState.DEAD, 5, 5, 400, "no such field") for number in range(1, count + 1)
        ]
        opened.deliveries.settle(
            settlements, {"a": Health(circuit=Circuit.OPEN, failures=3, reason="HTTP 503", dead=count)}
        )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    letters(tmp_path / "journal.db", 7)
    return tmp_path / "journal.db"


@pytest.fixture
def bridge(journal: Path, path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The API of a bridge with that journal; what the courier was notified of."""
    notified: list[str] = []
    with served(ServedSockets(unix_sockets(path), api_app(operations_of(journal, notified), Access()))):
        yield path, notified


def operations_of(journal: Path, notified: list[str]) -> tuple[Operation, ...]:
    inspector, (silences, incidents) = an_inspector(journal, ["a"]), controls_of(journal)
    from bridge.operator.operations.status import read_status

    return all_operations(
        lambda: read_status(inspector, ["r"]),
        ChannelOperations(inspector, lambda: pytest.fail("no config"), notified.append),
        DeadLetterOperations(journal, lambda: notified.append("wake")),
        QuarantineOperations(journal),
        SilenceOperations(silences),
        IncidentOperations(incidents),
        ReloadOperations(NoReload()),
        ShadowOperations(inspector),
    )


def got(path: Path, target: str) -> Any:
    status, _, body = ask_unix(path, "GET", f"{PREFIX}{target}")
    assert status == 200, body
    return json.loads(body)


def test_status_puts_problems_first(bridge: tuple[Path, list[str]]) -> None:
    """The failing channel before the dead letters."""
    shown = got(bridge[0], "/status")
    assert [each["subject"] for each in shown["problems"]] == ["channel a", "channel a"]
    assert "failed 3 times in a row: HTTP 503" in shown["problems"][0]["text"]
    assert shown["problems"][1]["text"] == "7 dead letters"
    (channel,) = shown["channels"]
    assert (channel["circuit"], channel["dead_letters"], shown["quarantined"]) == ("open", 7, 7)


def test_lists_come_in_pages(bridge: tuple[Path, list[str]]) -> None:
    """Each item once; the last page has no next."""
    for target, cursor, key in (("/dead-letters", "after", "id"), ("/quarantine", "before", "number")):
        seen: list[int] = []
        page = got(bridge[0], f"{target}?limit=3")
        while page["next"] is not None:
            seen += [each[key] for each in page["items"]]
            page = got(bridge[0], f"{target}?limit=3&{cursor}={page['next']}")
        seen += [each[key] for each in page["items"]]
        assert sorted(seen) == list(range(1, 8)), target
    assert got(bridge[0], "/dead-letters?channel=none") == {"items": [], "next": None}
    assert got(bridge[0], "/quarantine/2")["raw"] == "\\xff1"


def test_one_dead_letter_is_shown_with_its_attempts(bridge: tuple[Path, list[str]]) -> None:
    """And one that is not there is a problem."""
    shown = got(bridge[0], "/dead-letters/3")
    assert (shown["reason"], shown["status"], len(shown["tried"])) == ("no such field", 400, 1)
    assert "there is no dead letter 99" in problem(ask_unix(bridge[0], "GET", f"{PREFIX}/dead-letters/99"), 404)
    assert "not in the quarantine" in problem(ask_unix(bridge[0], "GET", f"{PREFIX}/quarantine/99"), 404)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/dead-letters/9223372036854775808", None),
        ("GET", "/quarantine/1000000000000000000000000000000", None),
        ("GET", "/quarantine?before=1000000000000000000000000000000", None),
        ("POST", "/dead-letters/retry", b'{"ids": [1, 9223372036854775808]}'),
        ("POST", "/dead-letters/discard", b'{"ids": [-9223372036854775809]}'),
        ("POST", "/silences/none", b'{"announce_before": 1e300}'),
        ("POST", "/silences/none", b'{"announce_before": -1}'),
    ],
)
def test_a_number_that_cannot_be_stored_is_a_wrong_parameter(
    bridge: tuple[Path, list[str]], method: str, target: str, body: bytes | None
) -> None:
    """Not a fault of the bridge with a traceback in its log."""
    answer = ask_unix(bridge[0], method, f"{PREFIX}{target}", body, Content_Type="application/json")
    assert "a parameter is wrong" in problem(answer, 400)


def test_dead_letters_are_retried_and_discarded(bridge: tuple[Path, list[str]]) -> None:
    """The courier is notified, and the log names the actor; a selection must be one of the three."""
    path, notified = bridge
    client = AdminClient(path)
    retried = client.post(f"{PREFIX}/dead-letters/retry", DeadLettersChanged, SelectDeadLetters(ids=[1, 2, 99]))
    assert (retried.ids, notified) == ([1, 2], ["wake"])
    with structlog.testing.capture_logs() as logs:
        discarded = client.post(f"{PREFIX}/dead-letters/discard", DeadLettersChanged, SelectDeadLetters(channel="a"))
    assert discarded.ids == [3, 4, 5, 6, 7]
    assert [each["actor"] for each in logs if each["event"] == "dead letters changed"]
    assert got(path, "/dead-letters")["items"] == []
    for wrong in (SelectDeadLetters(), SelectDeadLetters(ids=[1], all=True), SelectDeadLetters(channel="a", all=True)):
        with pytest.raises(AdminError, match="exactly one of"):
            client.post(f"{PREFIX}/dead-letters/retry", DeadLettersChanged, wrong)


def test_events_stream_the_status_until_the_bridge_stops(journal: Path, path: Path) -> None:
    """At once, and again; the end of the bridge ends the stream."""
    with served(ServedSockets(unix_sockets(path), api_app(operations_of(journal, []), Access()))) as server:
        events = AdminClient(path).events(f"{PREFIX}/events?interval=0.5", Status, seconds=60)
        assert [next(events).quarantined for _ in range(2)] == [7, 7]
        server.close()
        assert len(list(events)) <= 1


def test_more_streams_than_allowed_are_refused_and_closed_ones_are_not_counted(journal: Path, path: Path) -> None:
    """A client that goes away frees its place."""
    target = f"{PREFIX}/events?interval=0.5"
    with served(ServedSockets(unix_sockets(path), api_app(operations_of(journal, []), Access()))):
        streams = [AdminClient(path).events(target, Status, seconds=60) for _ in range(16)]
        for each in streams:
            next(each)
        with pytest.raises(AdminError, match="16 event streams are open"):
            next(AdminClient(path).events(target, Status, seconds=60))
        for each in streams:
            each.close()  # type: ignore[attr-defined]

        def accepted() -> bool:
            again = AdminClient(path).events(target, Status, seconds=60)
            try:
                return next(again).quarantined == 7
            except AdminError:
                return False
            finally:
                again.close()  # type: ignore[attr-defined]

        wait_until(accepted, "a free stream")


def test_an_unreadable_journal_is_a_problem_and_status_still_answers(
    bridge: tuple[Path, list[str]], journal: Path
) -> None:
    """For status is what one asks then."""
    for suffix in ("", "-wal", "-shm"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    assert got(bridge[0], "/status")["problems"]
    shown = problem(ask_unix(bridge[0], "GET", f"{PREFIX}/dead-letters"), 503)
    assert "no bridge has run with it yet" in shown or "journal" in shown


# The description


def test_every_route_is_described_and_every_description_is_a_route(journal: Path) -> None:
    """Method by method; every parameter in the path is declared."""
    operations = operations_of(journal, [])
    document = openapi_document(operations)
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    app: Any = api_app(operations, Access())
    routes = {
        (method, route.path)
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if "openapi" not in route.path
    }
    assert described == routes == {(each.method, each.path) for each in operations}
    for path, methods in document["paths"].items():
        for described_operation in methods.values():
            in_path = {each["name"] for each in described_operation["parameters"] if each["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in in_path)
            assert len(in_path) == path.count("{")
    assert len({each.name for each in operations}) == len(operations)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_the_document_is_complete_and_has_no_unused_schema(bridge: tuple[Path, list[str]]) -> None:
    """As it is served."""
    document = got(bridge[0], "/openapi.json")
    assert document["openapi"].startswith("3.1")
    used = {each.rpartition("/")[2] for each in references(document)}
    assert used == set(document["components"]["schemas"])


def test_every_answer_is_what_the_document_says(bridge: tuple[Path, list[str]], journal: Path) -> None:
    """Each GET operation, decoded with its type, fields that the type does not have refused."""
    values = {"id": "1", "number": "1"}
    for each in operations_of(journal, []):
        if each.method != "GET" or each.streams:
            continue
        status, headers, body = ask_unix(bridge[0], "GET", each.path.format_map(values))
        assert (status, headers["content-type"]) == (200, "application/json"), (each.path, body)
        typed = msgspec.json.decode(body, type=each.answer)
        assert json.loads(msgspec.json.encode(typed)) == json.loads(body)


# The client


def test_the_client_says_what_is_wrong_with_the_socket(tmp_path: Path) -> None:
    """No bridge, a path that is too long, and something else that listens there."""
    with pytest.raises(NotRunningError, match="no bridge is running"):
        AdminClient(tmp_path / "none.sock").get("/", Status)
    with pytest.raises(AdminError, match="at most 107 bytes"):
        AdminClient(tmp_path / ("x" * 120)).get("/", Status)
    (listening,) = unix_sockets(tmp_path / "other.sock")

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"220 welcome\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with listening, pytest.raises(AdminError, match="does not answer as this version of the bridge does"):
        AdminClient(tmp_path / "other.sock").get("/", Status)
    thread.join()


def test_silences_are_previewed_added_listed_and_expired(bridge: tuple[Path, list[str]]) -> None:
    """In the name of the user on the socket; errors are sentences."""
    client = AdminClient(bridge[0])
    preview = client.post("/api/v1/silences/preview", SilencePreview, PreviewSilence("rule exists"))
    assert (preview.alerts, len(preview.examples)) == (0, 0)  # the alerts of the fixture are from 1970
    added = client.post(
        "/api/v1/silences", SilenceStatus, AddSilence("rule = x", 60.0, "why", during="mon-fri 09:00-18:00")
    )
    assert (added.state, added.comment, added.author) == ("active", "why", Actor.of_user(os.getuid()).name)
    assert [each.id for each in client.get("/api/v1/silences", SilenceList).items] == [added.id]
    other = client.post("/api/v1/silences", SilenceStatus, AddSilence("rule = y", 60.0))
    page = client.get("/api/v1/silences?limit=1", SilenceList)
    last = client.get(f"/api/v1/silences?limit=1&cursor={page.next}", SilenceList)
    assert ([each.id for each in (*page.items, *last.items)], last.next) == ([added.id, other.id], None)
    with pytest.raises(AdminError, match="is not the `next` of a page"):
        client.get("/api/v1/silences?cursor=x", SilenceList)
    client.post(f"/api/v1/silences/{other.id}/expire", SilenceStatus)
    changed = client.post(f"/api/v1/silences/{added.id}", SilenceStatus, UpdateSilence(added.id, 120.0, "longer"))
    assert (changed.comment, changed.until_ns > added.until_ns) == ("longer", True)
    with pytest.raises(AdminError, match="unknown channel"):
        client.post(f"/api/v1/silences/{added.id}", SilenceStatus, UpdateSilence(added.id, announce="nowhere"))
    assert client.post(f"/api/v1/silences/{added.id}/expire", SilenceStatus).state == "ended"
    assert client.post("/api/v1/silences/expire", SilenceList, ExpireSilences(all=True)).items == []
    with pytest.raises(AdminError, match="has not ended"):
        client.post(f"/api/v1/silences/{added.id}/expire", SilenceStatus)
    with pytest.raises(AdminError, match="unknown field"):
        client.post("/api/v1/silences", SilenceStatus, AddSilence("proc.nmae = x", 60.0))
    with pytest.raises(AdminError, match="`comment` has at most 1000 characters"):
        client.post("/api/v1/silences", SilenceStatus, AddSilence("rule = x", 60.0, "c" * 1001))
    with pytest.raises(AdminError, match="there is no such operation"):  # refused before the body is read
        client.post("/api/v1/nothing", SilenceStatus, AddSilence("x" * 3_000_000, 60.0))
    with pytest.raises(AdminError, match="lists them"):
        client.post("/api/v1/incidents/acknowledge", IncidentList, ChangeIncidents("nothing"))
    assert client.get("/api/v1/incidents?open=true", IncidentList).items == []
