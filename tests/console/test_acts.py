"""Every act on a page: what it asks first, what it does, and under whose name it is recorded.

The console and the bridge's operations are served by the test's own process, so that these tests are fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from bridge.cli.main import main
from bridge.console.app import Console, console_app
from bridge.console.backtest.runs import Backtests
from bridge.console.data.reader import Reader
from bridge.console.visitors.access import Access as ConsoleAccess
from bridge.console.visitors.people import People
from bridge.journal.opening import open_to_read
from bridge.operator.api.access import Access
from bridge.operator.api.app import api_app
from bridge.operator.api.operations import described_operations
from bridge.operator.client import AdminClient
from bridge.operator.serving.connection import ServedSockets
from tests.console.conftest import Visitor
from tests.console.test_api import call
from tests.operator.serving import port_of, served, tcp_sockets, unix_sockets
from tests.operator.test_api import letters, operations_of

TOKEN = "hunter2-hunter2"
ACTOR = "token from 127.0.0.1 (console)"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Seven dead letters of channel a."""
    letters(tmp_path / "journal.db", 7)
    return tmp_path / "journal.db"


@pytest.fixture(params=[True])
def visitor(request: pytest.FixtureRequest, journal: Path) -> Iterator[Visitor]:
    """Somebody who has signed in to the console of a bridge with that journal, and may act."""
    config = journal.with_name("falco-bridge.yaml")
    config.write_text('{"channels": {"a": "file://a.jsonl"}, "routes": ["r.route"], "journal": "journal.db"}', "utf-8")
    config.with_name("r.route").write_text('route "r" { to a }\n', "utf-8")
    path = journal.with_name("a.sock")
    access = ConsoleAccess(token=TOKEN, people=People(write=request.param))
    backtests = Backtests(str(config))
    app = console_app(Console(Reader(journal), AdminClient(path), access, backtests))
    listener = ServedSockets(tcp_sockets(), app)
    bridge = ServedSockets(unix_sockets(path), api_app(operations_of(journal, []), Access()))
    with served(bridge), served(listener):
        made = Visitor(f"http://127.0.0.1:{port_of(listener)}", TOKEN, requests.Session())
        assert made.session.post(f"{made.url}/sign-in", {"token": TOKEN}, timeout=60).status_code == 200
        yield made
        backtests.hints.close()


def form(text: str, path: str) -> dict[str, str]:
    """The hidden fields of the first form that posts there."""
    found = re.search(rf'<form[^>]*action="{path}">.*?</form>', text, re.DOTALL)
    assert found is not None, text
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', found[0]))


def stored(visitor: Visitor) -> list[int]:
    return [each["id"] for each in call(visitor, "GET", "/dead-letters")["items"]]


def test_dead_letters_are_discarded_after_a_question(visitor: Visitor, journal: Path) -> None:
    """Without a script: a link asks, a button does. Only those that were shown go; who did it is stored."""
    text = visitor.get("/channels").text
    assert 'href="/channels?discard=a"' in text
    asked = visitor.get("/channels?discard=a").text
    assert "Discard 7 dead letters of a?" in asked
    assert stored(visitor) == [1, 2, 3, 4, 5, 6, 7]
    answer = form(asked, "/channels/discard")
    assert answer["ids"] == "1,2,3,4,5,6,7"
    assert visitor.post("/channels/discard", {"ids": "1,2,99"}).status_code == 303
    assert stored(visitor) == [3, 4, 5, 6, 7]
    with closing(open_to_read(journal)) as opened:
        assert [(each.action, each.actor) for each in opened.dead_letters.acts(1)] == [("discard", ACTOR)]
    one = visitor.get("/channels?letter=3").text
    assert "Discard 1 dead letter of a?" in one
    assert visitor.post("/channels/discard", {"ids": form(one, "/channels/discard")["ids"]}).status_code == 303
    assert stored(visitor) == [4, 5, 6, 7]
    assert "there is no dead letter 3 any more" in visitor.get("/channels?letter=3").text
    assert "the channel has no dead letters any more" in visitor.get("/channels?discard=b").text


def test_dead_letters_are_retried_alone_or_all_of_a_channel(visitor: Visitor) -> None:
    assert visitor.post("/channels/retry", {"ids": "2"}).status_code == 303
    assert stored(visitor) == [1, 3, 4, 5, 6, 7]
    assert visitor.post("/channels/retry", {"channel": "a"}).status_code == 303
    assert stored(visitor) == []
    assert "<h2>Dead letters</h2>" not in visitor.get("/channels").text


@pytest.mark.parametrize(
    "ids", ["", "x", "1,,2", "-1", "1;2", "٣", ",".join(map(str, range(501))), "9" * 4000], ids=lambda each: each[:9]
)
def test_a_wrong_form_discards_nothing(visitor: Visitor, ids: str) -> None:
    """In particular not all of a channel."""
    answer = visitor.post("/channels/discard", {"ids": ids, "channel": "a"})
    assert answer.status_code == 409, answer.text
    assert len(stored(visitor)) == 7
    assert visitor.session.post(f"{visitor.url}/channels/discard", {"ids": "1"}, timeout=60).status_code == 403
    assert len(stored(visitor)) == 7


@pytest.mark.parametrize("visitor", [False], indirect=True)
def test_acts_are_refused_where_the_console_only_shows(visitor: Visitor) -> None:
    """No page has a form that acts, and no act is done that is posted nevertheless."""
    for path in ("/", "/channels", "/channels?discard=a", "/routes", "/silences?condition=rule+exists"):
        assert set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', visitor.get(path).text)) == {"/sign-out"}
    for path in ("/channels/discard", "/channels/retry", "/silences/extend", "/routes/reload"):
        assert visitor.post(path, {"ids": "1"}).status_code == 403
    assert len(stored(visitor)) == 7


def test_later_dead_letters_are_on_further_pages(visitor: Visitor, journal: Path) -> None:
    """Fifty at a time; what is no number is the beginning."""
    letters(journal.with_name("more.db"), 60)
    journal.with_name("more.db").rename(journal)
    first = visitor.get("/channels").text
    assert first.count("Discard dead letter ") == 50
    assert 'href="/channels?after=50"' in first
    assert visitor.get("/channels?after=50").text.count("Discard dead letter ") == 10
    assert visitor.get("/channels?after=x%27").text.count("Discard dead letter ") == 50


def test_a_silence_is_extended_and_ended_by_name(
    visitor: Visitor, journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page, the API and `silence list --expired` show who did it, for as long as the silence is stored."""
    query = {"condition": "rule = x", "for": "30m", "in": "1h", "during": "mon-fri 09:00-18:00", "comment": "why"}
    asked = visitor.get(f"/silences?{urlencode(query)}").text
    assert "--for 30m --in 1h --during &#39;mon-fri 09:00-18:00&#39; --comment why" in asked
    answer = form(asked, "/silences/add")
    assert visitor.post("/silences/add", {name: answer[name] for name in answer if name != "mark"}).status_code == 303
    (silence,) = call(visitor, "GET", "/silences")["items"]
    assert (silence["state"], silence["schedule"]) == ("pending", "mon-fri 09:00-18:00")
    assert "Pending" in visitor.get("/silences").text
    assert visitor.post("/silences/extend", {"silence": silence["id"], "for": "3d"}).status_code == 303
    assert visitor.post("/silences/extend", {"silence": silence["id"], "for": "soon"}).status_code == 409
    assert visitor.post("/silences/expire", {"silence": silence["id"]}).status_code == 303
    (silence,) = call(visitor, "GET", "/silences")["items"]
    assert [(each["action"], each["actor"]) for each in silence["acts"]] == [("change", ACTOR), ("expire", ACTOR)]
    for path in ("/silences", "/silences?ended=1"):
        assert re.search(rf"ended by {re.escape(ACTOR)}, <time", visitor.get(path).text)
    assert main(["silence", "list", "--expired", "--socket", str(journal.with_name("a.sock"))]) == 0
    assert f"ended by {ACTOR}, " in capsys.readouterr().out


def test_ended_silences_come_in_pages_the_latest_end_first(visitor: Visitor) -> None:
    """Each once; one that acts is not among them."""
    for name in "abcd":
        added = call(visitor, "POST", "/silences", json={"condition": f"rule = {name}", "seconds": 60})
        if name != "d":
            call(visitor, "POST", f"/silences/{added['id']}/expire", json={})
    found, cursor = [], ""
    while cursor is not None:
        page = call(visitor, "GET", "/silences", params={"ended": "true", "limit": 1, "cursor": cursor})
        found += [each["condition"] for each in page["items"]]
        cursor = page["next"]
    assert found == ["rule = c", "rule = b", "rule = a"]
    assert call(visitor, "GET", "/silences", params={"ended": "true"})["next"] is None


def test_config_and_routes_are_read_again(visitor: Visitor) -> None:
    assert "Reload config and routes" in visitor.get("/routes").text
    assert visitor.post("/routes/reload", {}).status_code == 303


def test_the_docs_list_every_act() -> None:
    """The table has the request of each operation that changes something."""
    text = (Path(__file__).parents[2] / "docs" / "console.md").read_text("utf-8")
    table = text[text.index("## Actions") : text.index("## For programs")]
    for each in described_operations():
        if each.changes:
            written = re.sub(r"\{(\w+)\}", lambda name: "NAME" if name[1] == "channel" else "ID", each.path)
            assert f"`{written.removeprefix('/api/v1')}`" in table, written
