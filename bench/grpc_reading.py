"""Cost of reading an alert over gRPC, compared with the generated stub on the same stream."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure

_ALERTS = 20_000
_ROUNDS = 3


def figures() -> Iterator[Figure]:
    """CPU microseconds per alert of the reading process alone, the best of several alternating rounds.

    Each reader is a process of its own, as is the simulated Falco: how gRPC's core polls is settled once a process.
    """
    plain, ours = zip(*((_measured("plain"), _measured("ours")) for _ in range(_ROUNDS)), strict=True)
    yield Figure("gRPC, a plain grpc.aio stub (messages only)", min(plain), "µs/alert")
    ratio = min(plain) / min(ours)
    yield Figure("gRPC, the bridge's source (alerts decoded)", min(ours), "µs/alert", ratio, "better than plain")


def _measured(reader: str) -> float:
    with _falco() as address:
        command = [sys.executable, "-m", "bench.grpc_reading", reader, address]
        return float(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)


@contextmanager
def _falco() -> Iterator[str]:
    """A simulated Falco with all alerts queued; yields its address."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        path = Path(folder) / "falco.sock"
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "simulate", "--generate", "--count", str(_ALERTS), "--listen",
             f"unix:{path}"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while not path.exists():
                time.sleep(0.05)
            time.sleep(3.0)  # until all alerts are generated and queued
            yield f"unix:{path}"
        finally:
            process.kill()
            process.wait()


def _plain(address: str) -> float:
    import asyncio

    import grpc

    from bridge.alert.wire.methods import GET
    from bridge.alert.wire.outputs_pb2 import request, response

    async def read() -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            get = channel.unary_stream(
                GET, request_serializer=request.SerializeToString, response_deserializer=response.FromString
            )
            count = 0
            while count < _ALERTS:
                async for _ in get(request()):
                    count += 1

    started = time.process_time()
    asyncio.run(read())
    return (time.process_time() - started) / _ALERTS * 1e6


def _ours(address: str) -> float:
    from bridge.sources.contract import Batch
    from bridge.sources.grpc.source import GrpcSource

    importlib.import_module("grpc")  # exclude the import from the measurement
    done = threading.Event()
    read = 0

    def accept(batch: Batch) -> None:
        nonlocal read
        read += len(batch.alerts)
        if read >= _ALERTS:
            done.set()

    source = GrpcSource("bench", address)
    started = time.process_time()
    thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
    thread.start()
    done.wait(60)
    spent = time.process_time() - started
    source.stop()
    thread.join(5)
    return spent / read * 1e6


if __name__ == "__main__":
    print({"plain": _plain, "ours": _ours}[sys.argv[1]](sys.argv[2]))
