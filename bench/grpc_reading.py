"""What reading an alert by gRPC costs the bridge, against the usual stub on the same stream."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from bench.figures import Figure
from bridge.alert.wire.methods import GET
from bridge.alert.wire.outputs_pb2 import request, response
from bridge.sources.contract import Batch
from bridge.sources.grpc_source import GrpcSource

_ALERTS = 20_000
_ROUNDS = 3


def figures() -> Iterator[Figure]:
    """CPU microseconds an alert in the reading process alone; the stand-in Falco is another process."""
    plain = min(_plain() for _ in range(_ROUNDS))
    ours = min(_ours() for _ in range(_ROUNDS))
    yield Figure("gRPC, a plain grpc.aio stub (messages only)", plain, "µs/alert")
    yield Figure("gRPC, the bridge's source (alerts decoded)", ours, "µs/alert", ours / plain, "the plain stub")


@contextmanager
def _falco() -> Iterator[str]:
    """A stand-in Falco with all alerts queued; yields its address."""
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
            time.sleep(3.0)  # until all are made and queued
            yield f"unix:{path}"
        finally:
            process.kill()
            process.wait()


def _plain() -> float:
    async def read(address: str) -> int:
        async with grpc.aio.insecure_channel(address) as channel:
            get = channel.unary_stream(
                GET, request_serializer=request.SerializeToString, response_deserializer=response.FromString
            )
            count = 0
            while count < _ALERTS:
                async for _ in get(request()):
                    count += 1
            return count

    with _falco() as address:
        started = time.process_time()
        count = asyncio.run(read(address))
        return (time.process_time() - started) / count * 1e6


def _ours() -> float:
    done = threading.Event()
    read = 0

    def accept(batch: Batch) -> None:
        nonlocal read
        read += len(batch.alerts)
        if read >= _ALERTS:
            done.set()

    with _falco() as address:
        source = GrpcSource("bench", address)
        started = time.process_time()
        thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
        thread.start()
        done.wait(60)
        spent = time.process_time() - started
        source.stop()
        thread.join(5)
        return spent / read * 1e6
