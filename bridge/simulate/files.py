"""Reads the files that the simulated Falco plays."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from bridge.simulate.errors import SimulationError
from bridge.simulate.recording import Recording, make_json_recording, make_raw_recording

_RAW_SUFFIX = ".bin"
_LENGTH = struct.Struct("<I")


def read_recordings(path: Path) -> list[Recording]:
    """Read a file of alerts: raw gRPC responses, each after its length, in ``*.bin``; else one JSON alert per line.

    The length is an unsigned 32-bit number, little-endian. Raises SimulationError that names the file and the place.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SimulationError(f"{path}: cannot be read ({error.strerror})") from None
    found = list(_raw(path, content) if path.suffix == _RAW_SUFFIX else _json_lines(path, content))
    if not found:
        raise SimulationError(f"{path}: contains no alerts; give Falco's JSON alerts, one per line")
    return found


def _json_lines(path: Path, content: bytes) -> Iterator[Recording]:
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield make_json_recording(line)
        except SimulationError as error:
            raise SimulationError(f"{path}:{number}: {error}") from None


def _raw(path: Path, content: bytes) -> Iterator[Recording]:
    for number, message in enumerate(_messages(path, content), start=1):
        try:
            yield make_raw_recording(message)
        except SimulationError as error:
            raise SimulationError(f"{path}: response {number}: {error}") from None


def _messages(path: Path, content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(content, at)[0] if start <= len(content) else start
        if end > len(content):
            raise SimulationError(f"{path}: incomplete response at byte {at}")
        yield content[start:end]
        at = end
