"""The ASGI application of the operator API: reads requests, runs operations in threads, writes answers and problems."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.journal import JournalError
from bridge.operator.actor import Actor, OperationError
from bridge.operator.api.openapi import openapi_document
from bridge.operator.api.operations import PREFIX, Operation
from bridge.operator.model.base import Problem
from bridge.operator.serving.connection import STOPPING
from bridge.operator.serving.work import in_thread

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST_ANSWER = 16 << 20
"""Bytes. A larger answer is a fault; operations that can have much to say give it in pages."""
_MOST_RUNNING = 16
_MOST_STREAMS = 16
_LENGTH = re.compile(r"Expected `\w+` of length (<=|>=) (\d+) - at `\$\.([\w.]+)`")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Endpoint = Callable[[Request], Awaitable[Response]]


class ApiAccess(Protocol):
    """Who may call the operations."""

    def actor(self, request: Request, *, changes: bool) -> Actor:
        """Who calls; ``changes`` for an act. Raises OperationError if this caller may not."""


def api_app(operations: Iterable[Operation], access: ApiAccess, served_by: str = "") -> ASGIApp:
    """The application for one listener. ``served_by`` is as in Operation."""
    every = tuple(operations)
    answers = _Answers(access)
    document = msgspec.json.encode(openapi_document(every, served_by))

    async def openapi(request: Request) -> Response:
        access.actor(request, changes=False)
        return _json(document)

    routes = [Route(f"{PREFIX}/openapi.json", answers.guarded("openapi", openapi), methods=["GET"])]
    # Fixed paths first: /dead-letters/retry is not the dead letter `retry`.
    ordered = sorted(every, key=lambda operation: len(operation.path_fields))
    routes += [Route(each.path, answers.endpoint(each), methods=[each.method]) for each in ordered]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_problem, Exception: _fault})
    app.router.redirect_slashes = False  # it would redirect to http, and to any Host
    return app


class _Answers:
    """Makes endpoints of operations. One failing operation affects no other."""

    def __init__(self, access: ApiAccess) -> None:
        self._access = access
        self._running = asyncio.Semaphore(_MOST_RUNNING)
        self.streams = 0
        self._log = structlog.get_logger("operator")

    def endpoint(self, operation: Operation) -> Endpoint:
        """The operation as an endpoint."""

        async def answer(request: Request) -> Response:
            actor = self._access.actor(request, changes=operation.changes)
            parameters = await _parameters(operation, request)
            if operation.streams:
                return self._stream(operation, actor, parameters, request)
            return _json(await self._run(operation, actor, parameters))

        return self.guarded(operation.name, answer)

    def guarded(self, name: str, endpoint: Endpoint) -> Endpoint:
        """The endpoint with exceptions answered as problems."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except OperationError as error:
                return _problem(error.status, str(error))
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:  # noqa: BLE001  # an operation that fails must not end the others
                self._log.exception("operation failed", operation=name)
                return _problem(500, _failed(name))

        return answer

    async def _run(self, operation: Operation, actor: Actor, parameters: msgspec.Struct) -> bytes:
        if self._running.locked():
            raise OperationError(f"{_MOST_RUNNING} operations are running; try again when one has finished", 503)
        async with self._running:
            try:
                answer = await in_thread(lambda: msgspec.json.encode(operation.run(actor, parameters)))
            except JournalError as error:
                raise OperationError(str(error), 503) from error
        if len(answer) > LARGEST_ANSWER:
            raise OperationError(f"the answer is larger than {LARGEST_ANSWER} bytes; ask for fewer items", 500)
        return answer

    def _stream(self, operation: Operation, actor: Actor, parameters: Any, request: Request) -> Response:
        if self.streams >= _MOST_STREAMS:
            raise OperationError(f"{_MOST_STREAMS} event streams are open; close one", 503)
        stopping: asyncio.Event = getattr(request.state, STOPPING)
        opened = operation if operation.open is None else replace(operation, run=operation.open())

        async def events() -> AsyncIterator[bytes]:
            while not stopping.is_set():
                yield await self._event(opened, actor, parameters)
                await _wait(stopping, parameters.interval)
                if not self._may_go_on(request):
                    return

        return _EventStream(events(), self)

    def _may_go_on(self, request: Request) -> bool:
        """Whether the caller may still read: a session ends, and a token is replaced."""
        try:
            self._access.actor(request, changes=False)
        except OperationError:
            return False
        return True

    async def _event(self, operation: Operation, actor: Actor, parameters: msgspec.Struct) -> bytes:
        name = operation.answer.__name__.lower()
        try:
            data = await self._run(operation, actor, parameters)
        except OperationError as error:
            name, data = "problem", msgspec.json.encode(_described(error.status, str(error)))
        except Exception:  # noqa: BLE001  # the next event may succeed
            self._log.exception("operation failed", operation=operation.name, actor=actor.name)
            name, data = "problem", msgspec.json.encode(_described(500, _failed(operation.name)))
        return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


class _EventStream(StreamingResponse):
    """Server-sent events, counted while they are open."""

    def __init__(self, events: AsyncIterator[bytes], answers: _Answers) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._answers.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answers.streams -= 1


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


async def _parameters(operation: Operation, request: Request) -> msgspec.Struct:
    """The operation's parameters. Raises OperationError with a sentence that names the wrong one."""
    try:
        if operation.method == "GET":
            given: dict[str, Any] = dict(request.query_params)
            return msgspec.convert(given | request.path_params, operation.request, strict=False)
        given = await _body(operation, request)
        return msgspec.convert(given | request.path_params, operation.request)
    except msgspec.ValidationError as error:
        raise OperationError(_wrong_parameter(str(error)), 400) from error


def _wrong_parameter(message: str) -> str:
    """What msgspec found, for people: ``Expected `str` of length <= 1000 - at `$.comment```."""
    length = _LENGTH.fullmatch(message)
    if length is None:
        return f"a parameter is wrong: {message}; see GET {PREFIX}/openapi.json"
    limit, most, name = length.groups()
    return f"`{name}` has at most {most} characters" if limit == "<=" else f"`{name}` has at least {most} characters"


async def _body(operation: Operation, request: Request) -> dict[str, Any]:
    if not operation.other_fields:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise OperationError("send the parameters as a JSON object, with Content-Type: application/json", 415)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > operation.largest_body:
            raise OperationError(f"a request body has at most {operation.largest_body} bytes", 413)
    try:
        given = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, RecursionError) as error:
        raise OperationError("the request body is not JSON; send a JSON object", 400) from error
    if not isinstance(given, dict):
        raise OperationError("the request body is not a JSON object; send one", 400)
    return given


async def _http_problem(_request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    remedy = f"GET {PREFIX}/openapi.json lists the operations"
    what = (
        "this method is not supported here" if status == HTTPStatus.METHOD_NOT_ALLOWED else "there is no such operation"
    )
    return _problem(status, f"{what}; {remedy}", dict(headers or {}))


async def _fault(_request: Request, error: Exception) -> Response:
    """What no endpoint has answered."""
    structlog.get_logger("operator").error("request failed", exc_info=error)
    return _problem(500, "the bridge failed to answer; its log has the error")


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers=_HEADERS)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(_described(status, detail))
    more = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return Response(body, status, _HEADERS | more | (headers or {}), media_type="application/problem+json")


def _described(status: int, detail: str) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)


def _failed(name: str) -> str:
    return f"the bridge failed at `{name}`; the bridge's log has the error"
