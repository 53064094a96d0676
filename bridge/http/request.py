"""The parts of an HTTP request and of its reply: bounds, target, status, content encodings. Pure."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import NamedTuple

import msgspec

from bridge.alert.malformed import Malformed

MAX_BODY_BYTES = 8 << 20
"""The limit before and after decompression."""
MAX_HEAD_BYTES = 16 << 10
MAX_HEADERS = 64
ENCODINGS = (b"identity", b"gzip", b"x-gzip", b"zstd")

_STATUS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large", 415: "Unsupported Media Type",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 507: "Insufficient Storage",
}  # fmt: skip
_EXTRA_HEADERS = {401: "WWW-Authenticate: Bearer\r\n", 405: "Allow: POST\r\n", 503: "Retry-After: 1\r\n"}


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a request."""

    method: str
    path: str
    """The path without the query, and without the scheme and authority of an absolute-form target."""
    token: str
    """The token of ``Authorization: Bearer``, or an empty text."""
    encoding: bytes
    """The content encoding: one of ``ENCODINGS`` after ``refuse_head`` returned None."""
    origin: str = ""
    """The ``Origin``: browsers send one. ``null`` for pages whose origin they do not tell; empty without the header."""


class Reply(NamedTuple):
    """A status and a line of text."""

    status: int
    text: str


TOO_LARGE = Reply(413, f"a body holds at most {MAX_BODY_BYTES} bytes")
ONLY_HTTP_1_1 = Reply(400, "only HTTP/1.1 is supported")
INTERNAL_ERROR = Reply(500, "internal error; see the bridge's log")
_INCOMPLETE = Malformed("is incomplete")
_DIGITS = len(str(MAX_BODY_BYTES))


@lru_cache(256)
def encode_reply(reply: Reply, *, last: bool, head_only: bool) -> bytes:
    """The bytes of the reply. ``last``: the connection ends with it. ``head_only``: the request was a HEAD."""
    body = reply.text.encode() + b"\n"
    head = (
        f"HTTP/1.1 {reply.status} {_STATUS[reply.status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{_EXTRA_HEADERS.get(reply.status, '')}{'Connection: close' if last else ''}"
    )
    return head.removesuffix("\r\n").encode() + b"\r\n\r\n" + (b"" if head_only else body)


def read_head(method: bytes, target: bytes, headers: dict[bytes, bytes]) -> RequestHead:
    """Extract the parts of the head that the bridge uses."""
    return RequestHead(
        method.decode("ascii", "replace"),
        _path(target.decode("utf-8", "replace")),
        _bearer(headers.get(b"authorization", b"")),
        headers[b"content-encoding"].lower() if b"content-encoding" in headers else b"identity",
        headers[b"origin"].decode("latin-1").strip() or "null" if b"origin" in headers else "",
    )


def refuse_head(head: RequestHead, headers: dict[bytes, bytes]) -> Reply | None:
    """The reply to a request whose body must not be read, or None to read it."""
    length = headers.get(b"content-length")
    if length is not None and len(length) >= _DIGITS and length.isdigit() and int(length[:20]) > MAX_BODY_BYTES:
        return TOO_LARGE
    if b"upgrade" in headers:
        return ONLY_HTTP_1_1
    if b"transfer-encoding" in headers and headers[b"transfer-encoding"].lower() != b"chunked":
        return Reply(501, "chunked is the only supported transfer encoding")
    if head.encoding not in ENCODINGS:
        return Reply(415, "unsupported Content-Encoding; use gzip, zstd or none")
    return None


def decompress(body: bytes, encoding: bytes) -> bytes | Malformed | Reply:
    """Remove a content encoding that is one of ``ENCODINGS``. Returns a reply if the result is too large."""
    if not body:
        return body
    match encoding:
        case b"gzip" | b"x-gzip":
            return _gunzip(body)
        case b"zstd":
            return _unzstd(body)
        case _:
            return body


_MAX_MEMBERS = 1000
"""Gzip members or zstd frames of one body. Senders use one, or one for each alert."""
_TOO_MANY_MEMBERS = Malformed(f"has more than {_MAX_MEMBERS} compressed members")
_GZIP_PIECE = 64 << 10
"""Bytes fed in one call. zlib copies those that follow the end of a member."""
_PADDING = re.compile(rb"\0*")


def _gunzip(body: bytes) -> bytes | Malformed | Reply:
    """Decompress one gzip member, or several in a row with zero bytes between them."""
    content = bytearray()
    at = 0
    for _ in range(_MAX_MEMBERS):
        decompressor = zlib.decompressobj(wbits=31)
        while not decompressor.eof:
            piece = body[at : at + _GZIP_PIECE]
            if not piece:
                return _INCOMPLETE
            at += len(piece)
            try:
                content += decompressor.decompress(piece, MAX_BODY_BYTES + 1 - len(content))
            except zlib.error:
                return Malformed("is not gzip, as its Content-Encoding says")
            if len(content) > MAX_BODY_BYTES:
                return TOO_LARGE
        padding = _PADDING.match(body, at - len(decompressor.unused_data))
        assert padding is not None  # it matches everywhere
        at = padding.end()
        if at == len(body):
            return bytes(content)
    return _TOO_MANY_MEMBERS


_ZSTD_PIECE = 256
"""Bytes fed in one call. A block of 4 bytes decompresses to 128 KiB, so one piece yields at most 8 MiB."""


def _unzstd(body: bytes) -> bytes | Malformed | Reply:
    """Decompress one zstd frame, or several in a row. A frame whose window exceeds MAX_BODY_BYTES is refused."""
    import zstandard

    content = bytearray()
    at = 0
    for _ in range(_MAX_MEMBERS):
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_BODY_BYTES).decompressobj()
        while not decompressor.eof:
            piece = body[at : at + _ZSTD_PIECE]
            if not piece:
                return _INCOMPLETE
            at += len(piece)
            try:
                content += decompressor.decompress(piece)
            except zstandard.ZstdError:
                return Malformed("is not zstd, as its Content-Encoding says, or needs a window of more than 8 MiB")
            if len(content) > MAX_BODY_BYTES:
                return TOO_LARGE
        at -= len(decompressor.unused_data)
        if at == len(body):
            return bytes(content)
    return _TOO_MANY_MEMBERS


def _path(target: str) -> str:
    if not target.startswith("/"):  # absolute form, as proxies send it: scheme://authority/path
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    return target.partition("?")[0]


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
