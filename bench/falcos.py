"""``python -m bench.falcos FOLDER COUNT PORT flood|calm``: COUNT Falcos over gRPC and COUNT over http, in one process.

Each sends one alert a second. With ``flood``, the first gRPC one sends as many as are read. At the end of its input,
the process prints JSON: the number of alerts sent over each protocol, and the seconds until each post was answered.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from bridge.simulate.generate import generate
from bridge.simulate.http_output import HttpOutput
from bridge.simulate.play import endlessly
from bridge.simulate.recording import Form, Recording
from bridge.simulate.server import StandInFalco

_QUEUED = 4000
_MADE = 160_000
_GROUPS = 10


def main() -> None:
    """Serve and post until standard input ends."""
    folder, count, port, mood = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    falcos = [StandInFalco(f"unix:{folder}/{number}.sock") for number in range(count)]
    for falco in falcos:
        falco.start()
    made = [alert.grpc(Form.TEXT) for alert in generate(_MADE, seed=3)] if mood == "flood" else []
    print("ready", flush=True)
    stop = threading.Event()
    sent = [0] * 3
    waits: list[float] = []
    workers = [threading.Thread(target=_speak, args=(falcos[1:], stop, sent))]
    workers += [
        threading.Thread(target=_post, args=(port, count, group, stop, sent, waits)) for group in range(_GROUPS)
    ]
    workers.append(threading.Thread(target=_flood, args=(falcos[0], made, stop, sent)))
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    for falco in falcos:
        falco.wait_until_drained(30)
    print(json.dumps({"quiet": sent[0], "posted": sent[1], "flood": sent[2], "waits": waits}), flush=True)
    for falco in falcos:
        falco.abort()


def _alerts(seed: int, hostname: str) -> Iterator[Recording]:
    return (alert.on(hostname) for alert in endlessly(list(generate(50, seed))))


def _speak(falcos: list[StandInFalco], stop: threading.Event, sent: list[int]) -> None:
    """Alerts in turn, each once a second."""
    for falco, alert in zip(cycle(falcos), _alerts(1, "quiet"), strict=False):
        if stop.wait(1 / len(falcos)):
            return
        falco.put(alert.grpc(Form.TEXT))
        sent[0] += 1


def _post(port: int, count: int, group: int, stop: threading.Event, sent: list[int], waits: list[float]) -> None:
    """Runs a tenth of the posting Falcos, each on its own connection."""
    outputs = [HttpOutput(f"http://127.0.0.1:{port}/", "application/json") for _ in range(count // _GROUPS)]
    for output, alert in zip(cycle(outputs), _alerts(2, f"poster-{group}"), strict=False):
        if stop.wait(1 / len(outputs)):
            break
        body = alert.http(Form.JSON)
        started = time.monotonic()
        output.post(body)
        waits.append(time.monotonic() - started)
    sent[1] += sum(output.posted.accepted for output in outputs)


def _flood(falco: StandInFalco, made: list[bytes], stop: threading.Event, sent: list[int]) -> None:
    """An endless supply of prepared alerts. Generating them on the fly would be the bottleneck."""
    while sent[2] < len(made) and not stop.is_set():
        if falco.pending < _QUEUED:
            falco.put(*made[sent[2] : sent[2] + _QUEUED])
            sent[2] += _QUEUED
        else:
            stop.wait(0.01)


if __name__ == "__main__":
    main()
