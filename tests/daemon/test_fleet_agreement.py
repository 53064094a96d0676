"""What bridges of different versions must agree on: a digest of the routes, partitions, the ids of clauses, stored forms.

If one of these facts changes, bridges of the version before do not find what the others have stored, or take their
routes for other routes. A new version may add fields with defaults; it changes nothing that is here.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.daemon.fleet.digest import program_digest
from bridge.daemon.reload.generation import build_generation
from bridge.language.program.program import Program
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.partitions.matches import decode_match
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.support.builders import alert, program_of

FACTS = Path(__file__).parents[1] / "data" / "fleet" / "format-6.json"
ROUTES = (Path(__file__).parents[1] / "data" / "fleet" / "memory.route").read_text(encoding="utf-8")
CONFIG = """
sources: [{http: "127.0.0.1:1"}]
journal: {url: "postgresql://tests@localhost/journal", path: local}
channels:
  chat: json://127.0.0.1:9/
  page: {url: "json://127.0.0.1:9/", ordered: true}
labels: {cluster: eu-1}
routes: [memory.route]
"""
PARTITIONS = 32
SECRET = bytes(range(32))


def router(program: Program) -> Router:
    made = Router(program, {"cluster": "eu-1"}, secret=SECRET)
    made.share(PARTITIONS)
    return made


def matches() -> dict[str, dict[int, bytes]]:
    """By the name of an alert, what is stored for each partition."""
    made = router(program_of(ROUTES))
    alerts = {
        f"{process} of {user}": alert(rule="shell", fields={"proc.name": process, "user.name": user})
        for process in ("bash", "nc", "sleep") for user in ("ada", "bob")
    }  # fmt: skip
    return {name: dict(made.route(State(), each, 1_000).matches) for name, each in alerts.items()}


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found


def test_the_digest_of_a_program_is_that_of_all_versions(tmp_path: Path) -> None:
    """Another one for the same files would make bridges of two versions wait for each other."""
    (tmp_path / "memory.route").write_text(ROUTES, encoding="utf-8")
    (tmp_path / "falco-bridge.yaml").write_text(CONFIG, encoding="utf-8")
    built = build_generation(tmp_path / "falco-bridge.yaml", {})
    assert built.generation is not None, built.text()
    assert program_digest(built.generation) == facts()["digest"]


def test_a_match_is_for_the_owner_and_the_clauses_of_all_versions() -> None:
    """Its partition, and the ids and keys by which the owner finds what it remembers."""
    stored = {
        name: {int(number): base64.b64decode(body) for number, body in bodies.items()}
        for name, bodies in facts()["matches"].items()
    }
    today = matches()
    assert {name: each.keys() for name, each in today.items()} == {name: each.keys() for name, each in stored.items()}
    made = router(program_of(ROUTES))
    for name, bodies in stored.items():
        for number, body in bodies.items():
            assert begins_with(decoded(today[name][number]), decoded(body))
            assert made.unknown(decode_match(body)) == ()


@pytest.mark.parametrize("kind", sorted(facts()["rows"]))
def test_a_stored_row_is_read_by_later_versions(kind: str) -> None:
    """Of each kind of clause, as format 6 had it."""
    stored = base64.b64decode(facts()["rows"][kind])
    row = decode_row(stored)
    assert type(row).__name__ == kind
    assert begins_with(decoded(encode_row(row)), decoded(stored))


def decoded(data: bytes) -> object:
    """The plain values of MessagePack."""
    found: object = msgspec.msgpack.decode(data)
    return found


def begins_with(now: object, before: object) -> bool:
    """Whether a value is one of before with nothing but further fields at the end."""
    if isinstance(now, list) and isinstance(before, list):
        return len(now) >= len(before) and all(map(begins_with, now, before))
    if isinstance(now, dict) and isinstance(before, dict):
        return all(name in now and begins_with(now[name], each) for name, each in before.items())
    return now == before
