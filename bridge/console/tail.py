"""Alerts as they are stored, as server-sent events. What a page cannot show in time is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bridge.console.data.reader import Question, Reader
from bridge.console.data.rows import row_of
from bridge.console.view import HEADERS
from bridge.journal.errors import JournalError
from bridge.operator.serving.connection import STOPPING
from bridge.operator.serving.work import in_thread

_MOST_STREAMS = 16
_SECONDS = 0.5


class Events:
    """The streams of one console."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open = 0

    def answer(self, request: Request, may_go_on: Callable[[], bool]) -> Response:
        """A stream of alerts that meet the request's condition. ``may_go_on`` ends it with the visitor's session."""
        if self._open >= _MOST_STREAMS:
            return Response("too many open pages; close one", 503, HEADERS)
        question = Question(
            condition=request.query_params.get("condition", ""), words=request.query_params.get("words", "")
        )
        stopping: asyncio.Event = getattr(request.state, STOPPING)
        events = self._events(question, stopping, may_go_on)
        return StreamingResponse(events, headers=HEADERS, media_type="text/event-stream")

    async def _events(
        self, question: Question, stopping: asyncio.Event, may_go_on: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            number = await in_thread(self._reader.last_number)
            while may_go_on() and not stopping.is_set():
                found, number, skipped = await in_thread(partial(self._reader.stored_since, number, question))
                rows = [row_of(each) for each in found]
                yield b"data: " + msgspec.json.encode({"rows": rows, "skipped": skipped}) + b"\n\n"
                await asyncio.sleep(_SECONDS)
        except JournalError:
            pass  # the browser tries again, and the page says so
        finally:
            self._open -= 1
