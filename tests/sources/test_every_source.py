"""Recorded alerts are the same by every source, and a broken message affects no other."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.message import decode_message
from bridge.http.guard import Guard
from bridge.sources.files.source import FileSource
from bridge.sources.http.source import HttpSource
from bridge.sources.stdin_source import StdinSource
from tests.conftest import FULL
from tests.sources.collector import Collector, running
from tests.support.recordings import FULL_JSON, NAMES, grpc_messages, http_bodies
from tests.support.waiting import wait_until

Reader = Callable[[Sequence[bytes], Path, int], Collector]
MARK = b'{"rule": "the end", "time": "2026-01-01T00:00:00Z"}'
GOOD = b'{"rule": "neighbour", "time": "2026-01-01T00:00:00.%09dZ", "output_fields": {"proc.name": "sh"}}'
MUTATIONS = 400 if FULL else 25


def by_http(bodies: Sequence[bytes], _: Path, _count: int) -> Collector:
    """One alert a request, as Falco posts them."""
    made = HttpSource("http", "127.0.0.1", 0, Guard())
    with running(made) as taken:
        connection = http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)
        for body in bodies:
            connection.request("POST", "/", body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in {200, 400}
        connection.close()
    return taken


def by_http_at_once(bodies: Sequence[bytes], folder: Path, count: int) -> Collector:
    """As one body, a line each."""
    return by_http([b"\n".join(bodies)], folder, count)


def by_http_array(bodies: Sequence[bytes], folder: Path, count: int) -> Collector:
    """As one array."""
    return by_http([b"[" + b", ".join(bodies) + b"]"], folder, count)


def by_stdin(bodies: Sequence[bytes], _: Path, _count: int) -> Collector:
    """Through a pipe, cut anywhere."""
    read, write = os.pipe()
    taken = Collector()
    thread = threading.Thread(target=StdinSource("stdin", read).run, args=(taken,), daemon=True)
    thread.start()
    data = b"\n".join(bodies)
    for at in range(0, len(data), 5000):
        os.write(write, data[at : at + 5000])
    os.close(write)
    thread.join(60)
    os.close(read)
    return taken


def from_file(lines: bytes, folder: Path, count: int) -> Collector:
    (folder / "falco.log").write_bytes(lines)
    with running(FileSource("file", str(folder / "falco.log"), read_from="start")) as taken:
        wait_until(lambda: len(taken.alerts) + len(taken.rejected) >= count, "every line")
    return taken


def by_file(bodies: Sequence[bytes], folder: Path, count: int) -> Collector:
    """As Falco's file_output writes them."""
    return from_file(b"".join(body + b"\n" for body in bodies), folder, count)


def by_cri(bodies: Sequence[bytes], folder: Path, count: int) -> Collector:
    """As containerd does, in parts, with another stream between them."""
    head = "2026-01-01T00:00:00.123456789Z {} {} "
    lines = bytearray()
    for body in bodies:
        for piece in body.split(b"\n"):
            parts = [piece[at : at + 300] for at in range(0, max(len(piece), 1), 300)]
            for number, part in enumerate(parts, 1):
                mark = "F" if number == len(parts) else "P"
                lines += head.format("stdout", mark).encode() + part + b"\n"
                lines += head.format("stderr", "F").encode() + b"chatter\n" if len(parts) > 1 else b""
    return from_file(bytes(lines), folder, count)


def by_docker(bodies: Sequence[bytes], folder: Path, count: int) -> Collector:
    """As Docker does, in parts of a few hundred characters."""
    lines = bytearray()
    for body in bodies:
        text = body.decode("utf-8", "replace") + "\n"
        for at in range(0, len(text), 300):
            said = {"log": text[at : at + 300], "stream": "stdout", "time": "2026-01-01T00:00:00.1Z"}
            lines += json.dumps(said).encode().replace(b'{"log": ', b'{"log":', 1) + b"\n"
    return from_file(bytes(lines), folder, count)


READERS = (by_http, by_http_at_once, by_http_array, by_stdin, by_file, by_cri, by_docker)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_recorded_json_is_the_same_by_every_source(read: Reader, tmp_path: Path) -> None:
    """Equal to what the same Falco sent by gRPC, in order, where it sent everything."""
    for name in FULL_JSON:
        expected = [each for message in grpc_messages(name) if isinstance(each := decode_grpc(message, 0), Alert)]
        bodies = http_bodies(name)
        folder = tmp_path / name
        folder.mkdir()
        taken = read(bodies, folder, len(bodies))
        assert taken.rejected == []
        ours = {alert.id: alert for alert in taken.alerts}
        same = [each for each in expected if each.id in ours]
        assert all(ours[each.id] == each for each in same)
        assert [alert.id for alert in taken.alerts] == [one(body).id for body in bodies]
        if not name.startswith("metrics"):  # snapshots are taken by the clock, each output at its own
            assert len(same) == len(expected), name


@pytest.mark.parametrize(
    "read", [each for each in READERS if each is not by_http_array], ids=lambda read: read.__name__
)
def test_recorded_text_and_lean_forms_are_the_same_by_every_source(read: Reader, tmp_path: Path) -> None:
    """Line breaks in values too; only the day is inferred."""
    for name in [each for each in NAMES if each not in FULL_JSON]:
        bodies = http_bodies(name)
        folder = tmp_path / name
        folder.mkdir()
        taken = read(bodies, folder, len(bodies))
        assert [alert.output for alert in taken.alerts] == [one(body).output for body in bodies], name
        assert [alert.rule for alert in taken.alerts] == [one(body).rule for body in bodies]
        assert taken.rejected == []


def one(body: bytes) -> Alert:
    (found,) = decode_message(body, time.time_ns())
    assert isinstance(found, Alert)
    return found


@pytest.mark.parametrize("read", [by_http, by_stdin, by_file, by_cri, by_docker], ids=lambda read: read.__name__)
def test_mutated_and_truncated_recordings_cost_no_neighbour(read: Reader, tmp_path: Path) -> None:
    """Every complete alert between two broken ones is read once, and each rejection has a reason."""
    chance = random.Random(4)
    bodies: list[bytes] = []
    for name in NAMES:
        for body in http_bodies(name)[:3]:
            for _ in range(MUTATIONS // 5):
                bodies += [mutated(body, chance).replace(b"\n", b" "), GOOD % len(bodies)]
    bodies.append(MARK)
    tmp_path.joinpath("x").mkdir()
    whole = sum(body.startswith(b'{"rule": "neighbour"') for body in bodies)
    taken = read(bodies, tmp_path / "x", len(bodies) // 2)
    wait_until(lambda: any(alert.rule == "the end" for alert in taken.alerts), "the last one")
    rules = Counter(alert.rule for alert in taken.alerts)
    assert rules["neighbour"] == whole
    assert all(taken.rejected)
    assert len(taken.alerts) + len(taken.rejected) <= len(bodies)
    if read is by_http:
        assert len(taken.alerts) + len(taken.rejected) == len(bodies)


def mutated(body: bytes, chance: random.Random) -> bytes:
    """Cut off, with bytes changed, left out, doubled or put in."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                del data[at : at + chance.randrange(30)]
            case 3:
                data[at:at] = data[at : at + chance.randrange(60)]
            case _:
                data[at:at] = chance.choice(
                    [b'"', b"{", b"}", b"\\", b"\0", b"\xff\xfe", b"[" * 500, b"1e999", b"\\ud800"]
                )
    return bytes(data) or b"x"


@pytest.mark.parametrize("name", NAMES)
def test_mutated_grpc_messages_are_decoded_or_refused(name: str) -> None:
    """Each truncation and mutation is an alert or a reason; nothing is raised."""
    chance = random.Random(4)
    for message in grpc_messages(name)[:5]:
        for _ in range(MUTATIONS):
            found = decode_grpc(mutated(message, chance), 0)
            assert isinstance(found, Alert) or found.reason
