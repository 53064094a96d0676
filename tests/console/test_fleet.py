"""The fleet on the console's first page: each bridge, what it has, what waits. Names are only text."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

from bridge.console.view import render
from bridge.operator.model.status import BridgeStatus, FleetStatus
from tests.channels.hostile import CORPUS, WORD
from tests.console.test_pages import Elements

HOSTILE = " ".join(CORPUS[name] for name in ("html", "attribute", "bidi", "ansi")) + "x" * 300


def _bridge(name: str, **changed: object) -> BridgeStatus:
    values = {
        "bridge": name, "host": "h", "version": "1.2", "roles": ["intake", "memory"], "alive": True, "silent_ns": 0,
        "started_ns": time.time_ns() - 3_600_000_000_000, "program": "old", "loaded": "old", "problem": "",
        "partitions": 0, "channels": [], "sources": [], "duties": [],
    }  # fmt: skip
    return BridgeStatus(**values | changed)  # type: ignore[arg-type]


def fleet_page() -> str:
    """The first page over a fleet of four bridges, whose names and texts are hostile."""
    bridges = [
        _bridge("one", loaded="new", partitions=11, channels=["chat", "pager"], sources=["file node"]),
        _bridge("two", duties=["silences"], problem="the changed config is not in use"),
        _bridge("lost", alive=False, silent_ns=30_000_000_000, roles=["courier"], program="", down=["courier"]),
        _bridge("ended", alive=False, silent_ns=30_000_000_000, stopped=True),
        _bridge(HOSTILE, version=HOSTILE, roles=[HOSTILE], program=HOSTILE, loaded=f"{HOSTILE}!", problem=HOSTILE,
                channels=[HOSTILE] * 50, sources=[HOSTILE], duties=[HOSTILE]),
    ]  # fmt: skip
    status = SimpleNamespace(
        fleet=FleetStatus("one", bridges, 5, time.time_ns() - 120_000_000_000, 1, None), not_ready="", problems=[],
        alerts=1, started_ns=1, last_alert_ns=None, version="1.2",
    )  # fmt: skip
    here = SimpleNamespace(path="/", title="Now")
    values = {"problem": "", "status": status, "groups": [], "facts": {}, "held_back": [], "silences": 0, "left_out": 0}
    frame = {"here": here, "menu": [here], "signed_in": False, "may_write": False, "visitor": None}
    return render("now.html", values | frame)


def test_the_first_page_shows_the_fleet() -> None:
    """Roles, routes, what each has, what waits, which one is gone; nothing of a name is markup."""
    text = fleet_page()
    section = text[text.index('id="fleet"') :]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section))
    for each in (
        "5 matches waiting for memory, the oldest 2 min; 1 delivery waiting for couriers", "one (this) up 1 h",
        "version 1.2; roles: intake, memory; routes old, new loaded", "partitions of the memory: 11",
        "delivers to: chat, pager", "alone reads: file node", "duties: silences", "the changed config is not in use",
        "lost gone for 30 s", "courier (courier down)", "ended stopped for 30 s", "routes not loaded",
        "1 alert received by this bridge since",
    ):  # fmt: skip
        assert each in words
    assert "This counts only bridge one." in text
    assert WORD in words
    found = Elements(text)
    assert not found.names & {"img", "iframe", "object", "b"}
    assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066-\u2069]", text)
    assert len(section) < 20_000
