"""Reads what forms and scripts of the console's pages send, up to a size."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from bridge.console.visitors.access import RefusedError

_SMALL = 64 << 10
_MOST_FIELDS = 50


async def read_form(request: Request, largest: int = _SMALL) -> dict[str, str]:
    """The fields of a form. Raises RefusedError for a body that is no form, or has more bytes."""
    try:
        text = (await read_body(request, largest)).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise RefusedError("the form could not be read; load the page again") from error


async def read_body(request: Request, largest: int) -> bytes:
    """The body. Raises RefusedError where it has more bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            raise RefusedError("the form is too large; shorten its text")
    return bytes(body)
