"""Many Falcos at once, by gRPC and http, one of them flooding: nothing is lost, and none of the others starves."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from itertools import islice

import pytest

from bridge.simulate.generate import generate
from bridge.simulate.http_output import HttpOutput
from bridge.simulate.recording import Form, Recording
from bridge.simulate.server import StandInFalco
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.ports import free_port
from tests.support.waiting import wait_until

FALCOS = 100 if FULL else 24
"""For each of the two kinds of source."""
EACH = 20
PIECE = 2000
FEWEST_FLOODED = 4 * PIECE


@pytest.mark.timeout(300)
def test_a_flood_neither_loses_nor_delays_the_alerts_of_others(instance: Instance) -> None:
    """The flood lasts until every alert of the others is in the journal: they do not wait for its end."""
    port = free_port()
    instance.configure(
        'route "everything" { drop }\n',
        {"archive": "file://archive.jsonl"},
        sources=[{"grpc": [f"unix:{number}.sock" for number in range(FALCOS)]}, {"http": f"127.0.0.1:{port}"}],
    )
    url = f"http://127.0.0.1:{port}/"
    quiet_alerts, posted_alerts = list(generate(FALCOS * EACH, seed=1)), list(generate(FALCOS * EACH, seed=2))
    with ExitStack() as stack:
        falcos = [
            stack.enter_context(StandInFalco(f"unix:{instance.folder}/{number}.sock")) for number in range(FALCOS)
        ]
        bridge = instance.bridge()
        wait_until(lambda: '"started"' in instance.log, "the bridge")
        flood = Flood(falcos[0])
        try:
            flood.wait_until_read()
            posters = [
                threading.Thread(target=post, args=(url, posted_alerts[number::FALCOS])) for number in range(FALCOS)
            ]
            for poster in posters:
                poster.start()
            for number, falco in enumerate(falcos):
                falco.put(*(alert.grpc(Form.TEXT) for alert in quiet_alerts[number::FALCOS]))
            for poster in posters:
                poster.join(120)
            wait_until(lambda: not any(falco.pending for falco in falcos[1:]), "the quiet ones", seconds=120)
        finally:
            flood.stop()
        assert flood.sent >= FEWEST_FLOODED, "it was no flood"
        falcos[0].wait_until_drained(60)
        assert instance.stop(bridge) == 0, instance.log
        assert sum(falco.lost for falco in falcos) == 0
    kept = {each.alert.id for each in instance.kept()}
    assert len(kept) == 2 * FALCOS * EACH + flood.sent
    sources = Counter(each.source_name for each in instance.kept())
    assert set(sources.values()) == {FALCOS * EACH, FALCOS * EACH + flood.sent}


class Flood:
    """Keeps a Falco's queue full until it is stopped."""

    def __init__(self, falco: StandInFalco) -> None:
        self.sent = 0
        self._falco = falco
        self._stop = threading.Event()
        self._alerts = generate(1_000_000, seed=3)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() or self.sent < FEWEST_FLOODED:
            if self._falco.pending < PIECE:
                self._falco.put(*(alert.grpc(Form.TEXT) for alert in islice(self._alerts, PIECE)))
                self.sent += PIECE
            else:
                self._stop.wait(0.01)

    def wait_until_read(self) -> None:
        wait_until(lambda: self._falco.popped, "the flood")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


def post(url: str, alerts: list[Recording]) -> None:
    output = HttpOutput(url, "application/json")
    for alert in alerts:
        output.post(alert.http(Form.JSON))
    output.close()
    assert output.posted.accepted == len(alerts), output.posted
