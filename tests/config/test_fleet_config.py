"""What `check` says about a fleet, by one config: what is local to a machine, and servers that are not verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.fleet import fleet_warnings
from bridge.config.load import load_config
from bridge.language.diagnostics.diagnostic import Severity
from tests.config.reading import errors, load, write

REST = 'channels: {secops: "console://"}\nroutes: ["*.route"]\n'
SOURCES = "sources: [{http: 127.0.0.1:2801}]\n"
JOURNAL = 'journal: {url: "postgresql:///falco", path: local}\n'


def found(folder: Path, text: str) -> list[tuple[str, str, Severity]]:
    """The text at the place of each, with secrets masked, its message and its severity."""
    loaded = load(folder, text, {"HOSTNAME": "node-1", "K8S_NODE_NAME": "node-1", "CLUSTER": "eu-1"})
    assert loaded.config is not None, loaded.errors().text()
    return [
        (loaded.source.text[each.span.start : each.span.end], each.message, each.severity)
        for each in fleet_warnings(loaded)
    ]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("sources: [{file: a.jsonl}]\n" + JOURNAL, "a.jsonl", "only one bridge of the fleet reads these files"),
        (SOURCES + JOURNAL + "labels: {node: '${HOSTNAME}'}\n", "'${HOSTNAME}'", "HOSTNAME differs by machine"),
        (SOURCES + JOURNAL + "labels: {at: 'x-${K8S_NODE_NAME}'}\n", "'x-${K8S_NODE_NAME}'", "K8S_NODE_NAME differs"),
    ],
)
def test_what_each_machine_has_for_itself_is_a_warning(tmp_path: Path, text: str, place: str, says: str) -> None:
    """Files that the others do not read, and labels that the others do not have."""
    ((at, message, severity),) = found(tmp_path, text + REST)
    assert at == place
    assert says in message
    assert severity is Severity.WARNING


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (SOURCES + JOURNAL + "roles: [memory, courier]\n", "http", "`roles` has no `intake`"),
        (SOURCES + JOURNAL + "terminal: on\n", "127.0.0.1:2801", "stored in pieces"),
        (SOURCES + 'journal: {url: "postgresql://b@one,db.example.org:5433/falco", path: l}\n',
         '"postgresql:', "does not verify that one is"),
        (SOURCES + 'journal: {url: "postgresql://b@/falco?host=db&sslmode=require", path: l, standby: true}\n',
         '"postgresql:', "does not verify that db is"),
    ],
)  # fmt: skip
def test_what_may_be_meant_is_advice(tmp_path: Path, text: str, place: str, says: str) -> None:
    """It does not fail `check --strict`."""
    ((at, message, severity),) = found(tmp_path, text + REST)
    assert at.startswith(place)
    assert says in message
    assert severity is Severity.ADVICE


def test_a_file_channel_of_a_fleet_is_on_one_machine(tmp_path: Path) -> None:
    """That of the bridge that delivers to it; of a bridge that is alone, it always is."""
    channels = REST.replace("console://", "file://archive.jsonl")
    ((place, message, _),) = found(tmp_path, SOURCES + JOURNAL + channels)
    assert place.startswith('"file://')
    assert "which may change" in message
    assert found(tmp_path, SOURCES + JOURNAL + channels + "roles: []\n") == []


@pytest.mark.parametrize(
    "text",
    [
        SOURCES + JOURNAL,
        SOURCES + "journal: journal.db\nlabels: {node: '${HOSTNAME}'}\n",
        SOURCES + JOURNAL + "labels: {cluster: '${CLUSTER}', ghost: '$${HOSTNAME}'}\n",
        "sources: [{file: a.jsonl, name: 'node-${HOSTNAME}'}]\n" + JOURNAL,
        "sources: [{file: a.jsonl}]\njournal: {url: 'postgresql:///falco', path: local, standby: true}\n",
        SOURCES + "journal: {url: 'postgresql://b@db/falco?sslmode=verify-full', path: local}\n",
        SOURCES + "journal: {url: 'postgresql://b@[::1]:5432,localhost/falco', path: local}\n",
        SOURCES + "journal: {url: 'postgresql://b@%2Frun%2Fpostgresql/falco', path: local}\n",
        "sources: []\n" + JOURNAL + "roles: courier\n",
    ],
)
def test_what_is_right_in_a_fleet_is_not_reported(tmp_path: Path, text: str) -> None:
    """Nor what a single bridge does, nor servers on this machine."""
    assert found(tmp_path, text + REST) == []


@pytest.mark.parametrize(
    ("journal", "message", "hint"),
    [
        ("{path: journal.db, lease: 3s}", "`lease` is for the bridges of a fleet", "add `url`, or remove it"),
        ("{url: 'postgresql:///d', standby: true, lease: 3s}", "`lease` is for the bridges of a fleet",
         "remove `standby`, or `lease`"),
        ("postgresql://one,two/d?target_session_attrs=any",
         "`target_session_attrs=any` may choose a server that accepts no writes", "remove it"),
        ("postgresql://one/d?target_session_attrs=standby",
         "`target_session_attrs=standby` may choose a server that accepts no writes", "remove it"),
    ],
)  # fmt: skip
def test_a_bridge_must_be_able_to_use_its_database(tmp_path: Path, journal: str, message: str, hint: str) -> None:
    """What would be ignored, or would fail now and then, is an error."""
    (problem,) = errors(tmp_path, f"{SOURCES}journal: {journal}\n{REST}")
    assert problem.message == message
    assert problem.hint.startswith(hint)


def test_names_of_the_machine_are_not_known_in_ci(tmp_path: Path) -> None:
    """Without secrets, a variable that is not set is an error only where its value must be checked."""
    text = "sources: [{file: a.jsonl, name: 'node-${HOSTNAME}'}]\n" + JOURNAL + REST
    path = write(tmp_path, text + "labels: {node: '${HOSTNAME}'}\n")
    assert [each.code.id for each in load_config(path, {}).diagnostics] == ["C508", "C508"]
    loaded = load_config(path, {}, with_secrets=False)
    assert loaded.diagnostics == ()
    assert [each.code.id for each in fleet_warnings(loaded)] == ["C520"]
    path = write(tmp_path, text + "shutdown: {drain: '${DRAIN}'}\n")
    assert [each.code.id for each in load_config(path, {}, with_secrets=False).diagnostics] == ["C508"]
