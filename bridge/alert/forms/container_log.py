"""Unwraps the lines of container runtime logs (CRI and Docker)."""

from __future__ import annotations

import re

import msgspec

_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]{0,40} (stdout|stderr) ([FP])[^ ]{0,10} ")
"""``2024-05-03T10:31:35.913486795Z stdout F {…}``; ``P`` marks a part of a line that continues."""
LARGEST_LINE = 8 << 20
"""Bytes. A line whose parts exceed this is passed on incomplete."""


class _Docker(msgspec.Struct):
    r"""``{"log":"…\n","stream":"stdout","time":"…"}``."""

    log: str
    stream: str


_STREAMS = {"stdout", "stderr"}
_DOCKER = msgspec.json.Decoder(_Docker)


class Unwrapper:
    """Extracts the content of lines, joining parts."""

    def __init__(self) -> None:
        self._parts: dict[bytes, bytearray] = {}
        self.stream = b""
        """The stream of the latest line: ``stdout`` or ``stderr``; empty if unknown."""

    @property
    def pending(self) -> bool:
        """Whether a line is incomplete."""
        return bool(self._parts)

    def feed(self, line: bytes) -> bytes | None:
        """The content of the line; a line that is not wrapped is returned as is. None if the line is incomplete."""
        line = line.rstrip(b"\r\n")
        match = _CRI.match(line)
        if match is not None:
            return self._joined(match[1], line[match.end() :], complete=match[2] == b"F")
        if line.startswith(b'{"log":'):
            return self._docker(line)
        self.stream = b""
        return line

    def _docker(self, line: bytes) -> bytes | None:
        try:
            entry = _DOCKER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return line
        if entry.stream not in _STREAMS:
            return line
        content = entry.log.encode()
        return self._joined(entry.stream.encode(), content.rstrip(b"\n"), complete=content.endswith(b"\n"))

    def _joined(self, stream: bytes, content: bytes, *, complete: bool) -> bytes | None:
        self.stream = stream
        if complete and stream not in self._parts:
            return content
        joined = self._parts.setdefault(stream, bytearray())
        joined += content
        if not complete and len(joined) <= LARGEST_LINE:
            return None
        return bytes(self._parts.pop(stream))
