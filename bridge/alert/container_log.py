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


_DOCKER = msgspec.json.Decoder(_Docker)


class Unwrapper:
    """Takes lines one after another and gives what was written into them."""

    def __init__(self) -> None:
        self._parts: dict[bytes, bytearray] = {}

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
        return line

    def _docker(self, line: bytes) -> bytes | None:
        try:
            said = _DOCKER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return line
        content = said.log.encode()
        return self._joined(said.stream.encode()[:10], content.rstrip(b"\n"), whole=content.endswith(b"\n"))

    def _joined(self, stream: bytes, content: bytes, *, whole: bool) -> bytes | None:
        before = self._parts.pop(stream, None)
        joined = content if before is None else bytes(before + content)
        if whole or len(joined) > LARGEST_LINE:
            return joined
        self._parts[stream] = bytearray(joined)
        return None
