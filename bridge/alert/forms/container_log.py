"""Lines as container runtimes write them, with what the container itself wrote inside."""

from __future__ import annotations

import re

import msgspec

_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]{0,40} (stdout|stderr) ([FP])[^ ]{0,10} ")
"""``2024-05-03T10:31:35.913486795Z stdout F {…}``; ``P`` marks a part of a line that goes on."""
LARGEST_LINE = 8 << 20
"""Bytes. Parts past this are not gathered: the line is then handed on as far as it came."""


class _Docker(msgspec.Struct):
    r"""``{"log":"…\n","stream":"stdout","time":"…"}``."""

    log: str
    stream: str


_STREAMS = {"stdout", "stderr"}
_DOCKER = msgspec.json.Decoder(_Docker)


class Unwrapper:
    """Takes lines one after another and gives what was written into them."""

    def __init__(self) -> None:
        self._parts: dict[bytes, bytearray] = {}
        self.stream = b""
        """Where the latest line was written to: ``stdout`` or ``stderr``; empty where nothing tells."""

    @property
    def pending(self) -> bool:
        """Whether a line has begun whose end is still to come."""
        return bool(self._parts)

    def feed(self, line: bytes) -> bytes | None:
        """The line's content; a plain line is its own. None where more of it is to come."""
        line = line.rstrip(b"\r\n")
        match = _CRI.match(line)
        if match is not None:
            return self._joined(match[1], line[match.end() :], whole=match[2] == b"F")
        if line.startswith(b'{"log":'):
            return self._docker(line)
        self.stream = b""
        return line

    def _docker(self, line: bytes) -> bytes | None:
        try:
            said = _DOCKER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return line
        if said.stream not in _STREAMS:
            return line
        content = said.log.encode()
        return self._joined(said.stream.encode(), content.rstrip(b"\n"), whole=content.endswith(b"\n"))

    def _joined(self, stream: bytes, content: bytes, *, whole: bool) -> bytes | None:
        self.stream = stream
        if whole and stream not in self._parts:
            return content
        joined = self._parts.setdefault(stream, bytearray())
        joined += content
        if not whole and len(joined) <= LARGEST_LINE:
            return None
        return bytes(self._parts.pop(stream))
