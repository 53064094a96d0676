"""Throughput and CPU of deliveries, compared with Apprise and plain aiohttp; latency of a single delivery.

All senders of a comparison send the same number of deliveries to the same server, one at a time, in one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure

_LONE = 300
_ROUNDS = 3
_PAUSE_SECONDS = 0.03


def figures() -> Iterator[Figure]:
    """Each server and each sender runs in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        yield from _against_apprise(Path(name))
    with _far_side() as port:
        yield from _against_a_bare_post(port)
    yield from _commit_to_arrival()


def _against_apprise(folder: Path) -> Iterator[Figure]:
    certificate, key, environment = _authority(folder)
    for protocol, count, arguments in (("http", 400, ()), ("https", 150, (certificate, key))):
        with _far_side(*arguments) as port:
            url = f"json{'s' if arguments else ''}://localhost:{port}/"
            shipped, ours = _in_turn(("shipped", "ours"), url, count, environment)
        named = f"json:// over {protocol.upper()}"
        yield from _compared(named, "Apprise as shipped", count, shipped, ours)


def _against_a_bare_post(port: int) -> Iterator[Figure]:
    for scheme, suffix in (("webhook", ""), ("loki", ", one alert a push")):
        url = f"{scheme}://127.0.0.1:{port}/loki/api/v1/push"
        bare, ours = _in_turn(("bare", "ours"), url, 1500)
        yield from _compared(f"{scheme}://{suffix}", "aiohttp's bare post of the same bytes", 1500, bare, ours)
    for scheme, query in (("webhook", "?batch=array"), ("loki", "")):
        url = f"{scheme}://127.0.0.1:{port}/loki/api/v1/push{query}"
        one, many = _measured("bare", url, 3000), _measured("ours in batches", url, 20_000)
        ratio = (20_000 / many["seconds"]) / (3000 / one["seconds"])
        name = f"{scheme}://, a hundred alerts a request: deliveries"
        yield Figure(name, 20_000 / many["seconds"], "/s", ratio, "aiohttp's bare posts of one alert each")
        yield Figure(f"{scheme}://, a hundred alerts a request: CPU a delivery", many["cpu"] / 20_000 * 1000, "ms")


def _compared(name: str, rival: str, count: int, theirs: dict[str, float], ours: dict[str, float]) -> Iterator[Figure]:
    rates = count / theirs["seconds"], count / ours["seconds"]
    yield Figure(f"{name}: {rival}", rates[0], "deliveries/s")
    yield Figure(f"{name}: ours", rates[1], "deliveries/s", rates[1] / rates[0], rival)
    yield Figure(f"{name}: {rival}, CPU a delivery", theirs["cpu"] / count * 1000, "ms")
    yield Figure(f"{name}: ours, CPU a delivery", ours["cpu"] / count * 1000, "ms", ours["cpu"] / theirs["cpu"], rival)


def _in_turn(
    kinds: Sequence[str], url: str, count: int, environment: dict[str, str] | None = None
) -> list[dict[str, float]]:
    """The best of three rounds for each kind. Kinds alternate within a round, so other load affects all of them."""
    rounds = [[_measured(kind, url, count, environment) for kind in kinds] for _ in range(_ROUNDS)]
    best = [min(of_one, key=lambda spent: spent["seconds"]) for of_one in zip(*rounds, strict=True)]
    return [
        each | {"cpu": min(one["cpu"] for one in of_one)}
        for each, of_one in zip(best, zip(*rounds, strict=True), strict=True)
    ]


def _measured(kind: str, url: str, count: int, environment: dict[str, str] | None = None) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.delivery_client", kind, url, str(count)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=300, env=os.environ | (environment or {})
    )
    spent: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return spent


def _authority(folder: Path) -> tuple[str, str, dict[str, str]]:
    """A server's certificate, and a CA bundle that contains it and the public authorities."""
    from certifi import where

    from tests.support.certificates import make_authority

    authority = make_authority(folder)
    pair = authority.issue("far")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(Path(where()).read_bytes() + b"\n" + authority.certificate.read_bytes())
    return str(pair.certificate), str(pair.key), {"REQUESTS_CA_BUNDLE": str(bundle)}


@contextmanager
def _far_side(*arguments: str) -> Iterator[int]:
    process = _start("bench.far_side", *arguments)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def _start(module: str, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    command: Sequence[str] = [sys.executable, "-m", module, *arguments]
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1, cwd=cwd, env=here
    )


def _commit_to_arrival() -> Iterator[Figure]:
    """An idle bridge receives a post, answers after the commit, and delivers the alert."""
    waits = sorted(_waits())
    yield Figure("idle bridge: from the commit's answer to the arrival, median", waits[len(waits) // 2] * 1000, "ms")
    yield Figure(
        "idle bridge: from the commit's answer to the arrival, p99", waits[len(waits) * 99 // 100] * 1000, "ms"
    )


def _waits() -> Iterator[float]:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        far = _start("bench.far_side", "--arrivals")
        assert far.stdout is not None
        port = int(far.stdout.readline())
        source = _free_port()
        (folder / "r.route").write_text('route "all" { to hook }\n', encoding="utf-8")
        (folder / "c.yaml").write_text(
            f"sources: [{{http: '127.0.0.1:{source}'}}]\nchannels: {{hook: 'webhook://127.0.0.1:{port}/'}}\n"
            "routes: r.route\njournal: j.db\n",
            encoding="utf-8",
        )
        bridge = _start("bridge", "--config", "c.yaml", cwd=folder)
        try:
            _await_source(source)
            for number in range(_LONE + 10):
                answered = _post(source, number)
                arrived = float(far.stdout.readline())
                if number >= 10:
                    yield arrived - answered
                time.sleep(_PAUSE_SECONDS)
        finally:
            bridge.terminate()
            bridge.communicate(timeout=60)
            far.kill()
            far.communicate()


def _post(port: int, number: int) -> float:
    """The time of the answer, when the alert is committed."""
    body = json.dumps({"rule": "r", "output": f"o{number}", "priority": "Error", "output_fields": {"n": number}})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", body.encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    return time.monotonic()


def _await_source(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
