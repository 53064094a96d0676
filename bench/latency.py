"""From a post to its arrival while alerts come at a rate: at a receiver that takes 100 ms, and at a fast one."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.delivery import _await_source, _free_port, _start
from bench.figures import Figure

_CASES = (("a receiver of 100 ms", 100, 0.1, 1500), ("a fast receiver", 1000, 0.0, 10_000))
_CONNECTIONS = 8
_WARM = 20
_PATIENCE_SECONDS = 60.0


def figures() -> Iterator[Figure]:
    """One `otherwise` route to one `webhook://` channel."""
    for name, rate, delay, count in _CASES:
        sent, arrived, last = _run(rate, delay, count)
        waits = sorted(arrived[number] - sent[number] for number in arrived)
        named = f"{name}, {rate}/s"
        yield Figure(f"{named}: posted", count / (last - min(sent.values())), "/s")
        yield Figure(f"{named}: arrived", len(arrived), f"of {count}")
        yield Figure(f"{named}: median", waits[len(waits) // 2] * 1000, "ms")
        yield Figure(f"{named}: p99", waits[len(waits) * 99 // 100] * 1000, "ms")
        yield Figure(f"{named}: the last arrival after the last post", (max(arrived.values()) - last) * 1000, "ms")


def _run(rate: int, delay: float, count: int) -> tuple[dict[int, float], dict[int, float], float]:
    """Times by alert: when it was posted, and when it arrived; and when the last post was answered."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        far = _start("bench.far_side", "--numbered", str(delay))
        assert far.stdout is not None
        source = _free_port()
        (folder / "r.route").write_text("otherwise { to hook }\n", encoding="utf-8")
        (folder / "c.yaml").write_text(
            f"sources: [{{http: '127.0.0.1:{source}'}}]\n"
            f"channels: {{hook: 'webhook://127.0.0.1:{int(far.stdout.readline())}/'}}\n"
            "routes: r.route\njournal: j.db\nlog: {level: error}\n",
            encoding="utf-8",
        )
        bridge = _start("bridge", "--config", "c.yaml", cwd=folder)
        sent, arrived = dict[int, float](), dict[int, float]()
        threading.Thread(target=_read, args=(far.stdout, arrived), daemon=True).start()
        try:
            _await_source(source)
            _post(source, {}, time.monotonic(), rate, range(count, count + _WARM))
            while len(arrived) < _WARM:
                time.sleep(0.1)
            arrived.clear()
            start = time.monotonic() + 0.1
            posters = [
                threading.Thread(target=_post, args=(source, sent, start, rate, range(first, count, _CONNECTIONS)))
                for first in range(_CONNECTIONS)
            ]
            for poster in posters:
                poster.start()
            for poster in posters:
                poster.join()
            last = time.monotonic()
            while len(arrived) < count and time.monotonic() < last + _PATIENCE_SECONDS:
                time.sleep(0.01)
        finally:
            bridge.terminate()
            bridge.communicate(timeout=60)
            far.kill()
            far.wait()
    return sent, arrived, last


def _read(lines: Iterator[str], arrived: dict[int, float]) -> None:
    for line in lines:
        at, number = line.split()
        arrived.setdefault(int(number), float(at))


def _post(port: int, sent: dict[int, float], start: float, rate: int, numbers: range) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in numbers:
        body = {"rule": "r", "output": f"o{number}", "priority": "Error", "output_fields": {"number": f"<{number}>"}}
        time.sleep(max(start + number / rate - time.monotonic(), 0))
        sent[number] = time.monotonic()
        connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
