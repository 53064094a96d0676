"""What one HTTP request says and what is answered: statuses, bounds, target, encodings. Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from bridge.alert.malformed import Malformed

MAX_BODY_BYTES = 8 << 20
"""Bytes, also once decompress."""
MAX_HEAD_BYTES = 16 << 10
MOST_HEADERS = 64
ENCODINGS = (b"identity", b"gzip", b"x-gzip", b"zstd")

_STATUS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large", 415: "Unsupported Media Type",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "RequestHandler Unavailable", 507: "Insufficient Storage",
}  # fmt: skip
_EXTRA_HEADERS = {401: "WWW-Authenticate: Bearer\r\n", 405: "Allow: POST\r\n", 503: "Retry-After: 1\r\n"}


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Everything of a request but its body."""

    method: str
    path: str
    """Without the query, and without what an absolute-form target has before it."""
    token: str
    """What follows ``Authorization: Bearer``, if anything."""
    encoding: bytes
    """One of ``ENCODINGS``, once ``refuse_head`` has seen it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    text: str


TOO_LARGE = Reply(413, f"a body holds at most {MAX_BODY_BYTES} bytes")
FAULT = Reply(500, "this is a fault of the bridge, and in its log")
_CUT_SHORT = Malformed("is cut short")


def encode_reply(reply: Reply, *, last: bool, head_only: bool) -> bytes:
    """The reply as it goes over the wire; ``last`` says that the connection ends with it."""
    body = reply.text.encode() + b"\n"
    head = (
        f"HTTP/1.1 {reply.status} {_STATUS[reply.status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{_EXTRA_HEADERS.get(reply.status, '')}{'Connection: close' if last else ''}"
    )
    return head.removesuffix("\r\n").encode() + b"\r\n\r\n" + (b"" if head_only else body)


def read_head(method: bytes, target: bytes, headers: dict[bytes, bytes]) -> RequestHead:
    """The head's parts that matter here."""
    return RequestHead(
        method.decode("ascii", "replace"),
        _path(target.decode("utf-8", "replace")),
        _bearer(headers.get(b"authorization", b"")),
        headers.get(b"content-encoding", b"identity").lower(),
    )


def refuse_head(head: RequestHead, headers: dict[bytes, bytes]) -> Reply | None:
    """Why no body of this request is worth reading, or None."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > MAX_BODY_BYTES:
        return TOO_LARGE
    if b"upgrade" in headers:
        return Reply(400, "no protocol but HTTP/1.1 is spoken here")
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return Reply(501, "of transfer encodings only chunked is known here")
    if head.encoding not in ENCODINGS:
        return Reply(415, "a body is sent plain, or with Content-Encoding: gzip or zstd")
    return None


def decompress(body: bytes, encoding: bytes) -> bytes | Malformed | Reply:
    """The body without its Content-Encoding, one of ``ENCODINGS``; a reply where it holds too much."""
    match encoding:
        case b"gzip" | b"x-gzip":
            return _gunzipped(body)
        case b"zstd":
            return _unzstd(body)
        case _:
            return body


def _gunzipped(body: bytes) -> bytes | Malformed | Reply:
    """Of one member or several, one behind the other."""
    found = bytearray()
    while body:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            found += unpacker.decompress(body, MAX_BODY_BYTES + 1 - len(found))
        except zlib.error:
            return Malformed("is not gzip, as its Content-Encoding says")
        if len(found) > MAX_BODY_BYTES:
            return TOO_LARGE
        if not unpacker.eof:
            return _CUT_SHORT
        body = unpacker.unused_data.lstrip(b"\0")
    return bytes(found)


_ZSTD_PIECE = 256
"""Bytes fed at a time: a block of 4 bytes unpacks to 128 KiB, so that one piece brings 8 MiB at the most."""


def _unzstd(body: bytes) -> bytes | Malformed | Reply:
    """Of one frame or several; a frame that wants more memory than the largest body is refused."""
    import zstandard

    found = bytearray()
    at = 0
    while at < len(body):
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BODY_BYTES).decompressobj()
        while not unpacker.eof:
            piece = body[at : at + _ZSTD_PIECE]
            if not piece:
                return _CUT_SHORT
            at += len(piece)
            try:
                found += unpacker.decompress(piece)
            except zstandard.ZstdError:
                return Malformed("is not zstd, as its Content-Encoding says, or wants a window of more than 8 MiB")
            if len(found) > MAX_BODY_BYTES:
                return TOO_LARGE
        at -= len(unpacker.unused_data)
    return bytes(found)


def _path(target: str) -> str:
    if not target.startswith("/"):  # absolute form, which proxies send: scheme://authority/path
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    return target.partition("?")[0]


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
