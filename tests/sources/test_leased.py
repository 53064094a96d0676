"""A file that several bridges follow is read by the one that has its lease, from where the one before stopped."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.sources import OpenJournal, prepare_source
from bridge.sources.contract import Batch, Source
from bridge.sources.leased import SourceLeases
from bridge.sources.supervise import supervise
from tests.config.reading import read
from tests.support.waiting import wait_until


class Fleet:
    """What two bridges have in common: who has the lease, what was committed and the checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.owner = 0
        self.file = folder / "alerts.json"
        self.file.touch()
        self.checkpoint: dict[str, str] = {}
        self.committed: list[tuple[int, int]] = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.bridges = [self.start(folder, number) for number in (1, 2)]

    def start(self, folder: Path, number: int) -> tuple[Source, threading.Thread]:
        leases = SourceLeases()
        leases.has = lambda name: self.owner == number and name in leases.names()
        config = f"sources: [{{file: {self.file}, read_from: start, name: node}}]"
        text = f"{config}\nchannels: {{chat: 'json://localhost/'}}\nroutes: [r.route]\njournal: j.db\n"
        (folder / "r.route").write_text('route "r" { to chat }', encoding="utf-8")
        journal = OpenJournal(lambda _name: dict(self.checkpoint), leases)
        source = prepare_source(read(folder, text).sources[0], ListeningSockets())(journal)
        thread = threading.Thread(target=supervise, args=(source, self.accepts(number), self.stopping), daemon=True)
        thread.start()
        return source, thread

    def accepts(self, number: int):  # type: ignore[no-untyped-def]
        def accept(batch: Batch) -> None:
            with self.lock:
                self.committed += [(number, each.time_ns) for each in batch.alerts]
                for part, position in batch.checkpoint.items():
                    if position is None:
                        self.checkpoint.pop(part, None)
                    else:
                        self.checkpoint[part] = position

        return accept

    def write(self, *seconds: int) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            for each in seconds:
                time = f"2026-01-01T00:00:{each:02}.000000000Z"
                file.write(json.dumps({"time": time, "rule": "r", "priority": "Notice", "output": "o"}) + "\n")

    def stop(self) -> None:
        self.stopping.set()
        for source, thread in self.bridges:
            source.stop()
            thread.join(60)
            assert not thread.is_alive()


def test_the_checkpoint_follows_the_lease(tmp_path: Path) -> None:
    """Each line is committed once, by the bridge that has the lease then. The other one shows what it waits for."""
    fleet = Fleet(tmp_path)
    fleet.write(1, 2)
    for round_, owner in enumerate((1, 2, 1), 1):
        fleet.owner = owner
        fleet.write(2 * round_ + 1, 2 * round_ + 2)
        expected = 2 + 2 * round_
        wait_until(lambda: len(fleet.committed) >= expected, "the lines", seconds=60)  # noqa: B023
        waiting = fleet.bridges[2 - owner][0]
        wait_until(lambda: waiting.state()[0].lease == "file node", "the other one waits", seconds=60)  # noqa: B023
        assert fleet.bridges[owner - 1][0].state()[0].lease == ""
    fleet.stop()
    assert [number for number, _ in fleet.committed] == [1, 1, 1, 1, 2, 2, 1, 1]
    assert len({time for _, time in fleet.committed}) == 8
