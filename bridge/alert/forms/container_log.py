"""Unwraps the lines of container runtime logs (CRI and Docker)."""

from __future__ import annotations

import re

import msgspec

_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]{0,40} (stdout|stderr) ([FP])[^ ]{0,10} ")
"""``2024-05-03T10:31:35.913486795Z stdout F {…}``; ``P`` marks a part of a line that continues."""
LARGEST_LINE = 8 << 20
"""Bytes. A line whose parts exceed this is passed on incomplete."""


class _Docker(msgspec.Struct, forbid_unknown_fields=True):
    r"""``{"log":"…\n","stream":"stdout","time":"…"}``, with the members in any order."""

    log: str
    stream: str
    time: str = ""
    attrs: msgspec.Raw = msgspec.Raw()


_DOCKER_STARTS = (b'{"log":', b'{"stream":', b'{"time":', b'{"attrs":')
_PADDING = b"\xef\xbb\xbf\0\x1e"
"""A byte order mark, the zeros that a truncated file begins with, and what separates records (RFC 7464)."""
_STREAMS = {"stdout", "stderr"}
_DOCKER = msgspec.json.Decoder(_Docker)
_ANY_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


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
        line = line.rstrip(b"\r\n").lstrip(_PADDING)
        if line[:1] == b"{":
            return self._docker(line) if line.startswith(_DOCKER_STARTS) else self._unwrapped(line)
        match = _CRI.match(line)
        if match is not None:
            return self._joined(match[1], line[match.end() :], complete=match[2] == b"F")
        return self._unwrapped(line)

    def end(self) -> list[bytes]:
        """The stream has ended: the incomplete lines."""
        lines = [bytes(parts) for parts in self._parts.values()]
        self._parts.clear()
        return lines

    def _unwrapped(self, line: bytes) -> bytes:
        self.stream = b""
        return line

    def _docker(self, line: bytes) -> bytes | None:
        try:
            entry = _DOCKER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._unwrapped(line)
        if entry.stream not in _STREAMS:
            return self._unwrapped(line)
        stream, content = entry.stream.encode(), entry.log.encode()
        complete = content.endswith(b"\n") or (stream not in self._parts and _is_object(content))
        return self._joined(stream, content.rstrip(b"\r\n"), complete=complete)

    def _joined(self, stream: bytes, content: bytes, *, complete: bool) -> bytes | None:
        self.stream = stream
        if complete and stream not in self._parts:
            return content
        joined = self._parts.setdefault(stream, bytearray())
        joined += content
        if not complete and len(joined) <= LARGEST_LINE:
            return None
        return bytes(self._parts.pop(stream))


def _is_object(content: bytes) -> bool:
    """Whether it is a complete object, as shippers store a line without its line break."""
    try:
        _ANY_OBJECT.decode(content)
    except (ValueError, RecursionError):
        return False
    return True
