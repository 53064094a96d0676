"""The console that the bridge starts: restarted when it dies, changed by a reload, shown in the status."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import requests
import yaml
from starlette.requests import Request

from bridge.console.visitors.access import Access, RefusedError
from bridge.console.visitors.people import People, Person
from bridge.console.visitors.sessions import Sessions
from bridge.operator.client import AdminClient
from bridge.operator.model.reload import ReloadResult
from bridge.operator.model.status import ConsoleStatus, Status
from bridge.operator.serving.connection import CALLER, Caller
from tests.config.reading import GOOD, errors, read
from tests.e2e.harness import Instance
from tests.support.waiting import wait_until


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.end()


def served(instance: Instance, client: AdminClient, without_pid: int = 0) -> ConsoleStatus:
    """The console, once it serves."""
    found: list[ConsoleStatus] = []

    def serves() -> bool:
        console = client.get("/api/v1/status", Status).console
        assert console is not None
        found.append(console)
        return bool(console.address) and console.pid != without_pid

    wait_until(serves, "the console", seconds=120)
    return found[-1]


def signed_in(instance: Instance, address: str) -> str:
    """The first page, after the sign-in."""
    token = (instance.folder / "journal.db.console.token").read_text(encoding="utf-8")
    session = requests.Session()
    answer = session.post(f"http://{address}/sign-in", {"token": token}, timeout=60)
    assert answer.status_code == 200
    return answer.text


def test_the_bridge_runs_the_console(instance: Instance) -> None:
    """With a token that it makes. A dead one is replaced, a changed one too, and it ends with the bridge."""
    instance.configure('route "all" { to a }\n', {"a": "file://a.jsonl"}, admin="a.sock", console="127.0.0.1:0")
    bridge = instance.bridge()
    wait_until((instance.folder / "a.sock").exists, "the admin socket", seconds=120)
    client = AdminClient(instance.folder / "a.sock")
    first = served(instance, client)
    assert "Open incidents" in signed_in(instance, first.address)
    assert (instance.folder / "journal.db.console.token").stat().st_mode & 0o777 == 0o600

    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    second = served(instance, client, first.pid)
    assert second.restarts == 1

    path = instance.folder / "falco-bridge.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8")) | {"console": {"listen": "127.0.0.1:0", "write": True}}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    client.post("/api/v1/reload", ReloadResult)
    assert "reloaded" in instance.log
    third = served(instance, client, second.pid or 0)
    assert "This page is read-only for you" not in signed_in(instance, third.address)

    assert instance.stop(bridge) == 0
    assert third.pid is not None
    assert not Path(f"/proc/{third.pid}").exists()


@pytest.mark.parametrize(
    ("console", "message"),
    [
        ("{listen: '127.0.0.1:2804', socket: c.sock}", "both `listen` and `socket`"),
        ("{write: true}", "`console` has no `listen`"),
        ("{listen: '0.0.0.0:2804'}", "can be reached from other machines"),
        ("{listen: '0.0.0.0:2804', public_url: 'http://c.example.org'}", "in plain text"),
        ("{listen: '127.0.0.1:2804', public_url: 'https://c.example.org/x'}", "not served below a path"),
        ("{listen: '127.0.0.1:2804', editors: [alice]}", "`editors` need `write`"),
        ("{listen: '127.0.0.1:2804', group: soc}", "`group` needs a `socket`"),
        ("{socket: c.sock, token: hunter2hunter2}", "need no token"),
        ("{listen: '127.0.0.1:2804', session: 60d}", "at most 31 days"),
    ],
)
def test_a_config_that_makes_no_sense_is_explained(tmp_path: Path, console: str, message: str) -> None:
    """By `check`, and when the bridge or the console starts."""
    found = [each.message for each in errors(tmp_path, f"{GOOD.replace('${TOKEN}', 'A/B/C')}\nconsole: {console}\n")]
    assert [message in each for each in found] == [True], found


def test_a_socket_is_named_by_its_path_alone(tmp_path: Path) -> None:
    """As an address is."""
    config = read(tmp_path, f"{GOOD.replace('${TOKEN}', 'A/B/C')}\nconsole: /run/console.sock\n")
    assert config.console is not None
    assert (config.console.listen, str(config.console.socket)) == (None, "/run/console.sock")


def test_viewers_and_editors() -> None:
    """Names, groups, the token and everybody; operators always; no visitor acts without `write`."""
    alice, bob = Person("alice", frozenset({"soc"})), Person("bob")
    holder, root = Person("token from ::1", has_token=True), Person("root", is_operator=True)
    everybody = (alice, bob, holder, root)

    def may(people: People) -> tuple[str, str]:
        def names(test: object) -> str:
            return "".join(each.name[0] for each in everybody if test(each))  # type: ignore[operator]

        return names(people.may_view), names(people.may_act)

    assert may(People()) == ("abtr", "")
    assert may(People(write=True)) == ("abtr", "abtr")
    assert may(People(write=True, viewers=("group:soc",))) == ("ar", "ar")
    assert may(People(write=True, viewers=("*",), editors=("bob", "token"))) == ("abtr", "btr")
    assert may(People(write=True, viewers=("alice",), editors=("bob",))) == ("abr", "br")
    assert not People(viewers=("token from ::1", "x")).may_view(holder)
    assert not People(viewers=("token",)).may_view(Person("token"))


def test_a_group_without_a_name_takes_no_other_group_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose user database does not know every group of the host."""
    named = grp.getgrgid(0)
    nameless = next(each for each in range(987_000, 988_000) if each not in {every.gr_gid for every in grp.getgrall()})
    monkeypatch.setattr(os, "getgrouplist", lambda _user, _group: [nameless, named.gr_gid])
    user = next(each for each in pwd.getpwall() if each.pw_uid not in {0, os.geteuid()})
    request = Request({"type": "http", "headers": [], "state": {CALLER: Caller(user.pw_uid)}})
    for group, may_act in ((named.gr_name, True), ("another", False)):
        visitor = Access(is_unix=True, people=People(write=True, editors=(f"group:{group}",))).visitor(request)
        assert visitor is not None
        assert visitor.may_write == may_act


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        ("https://console.example.org", True),
        ("http://console.example.org", False),
        ("https://console.example.org:8443", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_a_page_of_the_public_url_is_no_other_site(origin: str, *, accepted: bool) -> None:
    """Also behind a proxy that passes on another Host, and in the spelling of browsers."""
    headers = [(b"host", b"10.0.0.7:2804"), (b"origin", origin.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers})
    refused: AbstractContextManager[object] = nullcontext() if accepted else pytest.raises(RefusedError)
    with refused:
        Access(public_url="https://Console.Example.org:443").check_names(request)


def test_a_session_ends() -> None:
    """After its time, by a sign-out, and when there are too many."""
    now = [0.0]
    sessions = Sessions(10.0, lambda: now[0])
    first, second = sessions.begin(Person("a")), sessions.begin(Person("b"))
    assert sessions.person(first) == Person("a")
    sessions.end(second)
    assert sessions.person(second) is None
    now[0] = 10.0
    assert sessions.person(first) is None
    assert sessions.person("") is None
