"""Sends channel tests in a fleet: asks the bridge that delivers to the channel, and answers such requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import msgspec
import structlog

from bridge.journal.errors import JournalError
from bridge.journal.revisions import FleetSession
from bridge.operator.actor import OperationError
from bridge.operator.model.channels import ChannelTestResult
from bridge.operator.operations.channel_test import PATIENCE_SECONDS

_BEGIN_SECONDS = 3.0
"""How long a bridge may take to begin: it checks for requests several times a second."""
_POLL_SECONDS = 0.1
_MOST = 4
"""Test messages that this bridge sends for others at the same time."""


class _Request(msgspec.Struct, frozen=True):
    channel: str
    actor: str


class ChannelTests:
    """The requests of one bridge, and to it. ``ask`` is callable from any thread, ``follow`` from one."""

    def __init__(
        self,
        bridge: str,
        open_session: Callable[[], FleetSession],
        run: Callable[[str, str], ChannelTestResult],
        begin_seconds: float = _BEGIN_SECONDS,
    ) -> None:
        """``run`` tests a channel in somebody's name."""
        self._bridge = bridge
        self._open_session = open_session
        self._run = run
        self._begin_seconds = begin_seconds
        self._slots = threading.Semaphore(_MOST)
        self._log = structlog.get_logger("fleet")

    def ask(self, bridge: str, channel: str, actor: str) -> ChannelTestResult | None:
        """The result of the test by another bridge; None where that bridge does not begin it."""
        try:
            with closing(self._open_session()) as session:
                request = session.ask(bridge, msgspec.msgpack.encode(_Request(channel, actor)))
                try:
                    return self._await(session, request, bridge)
                finally:
                    session.withdraw(request)
        except JournalError as error:
            self._log.warning("channel test not requested", bridge=bridge, problem=str(error))
            return None

    def follow(self, session: FleetSession) -> None:
        """Begin what others have asked this bridge. Raises JournalError."""
        for request, body in session.asked(self._bridge):
            try:
                wanted = msgspec.msgpack.decode(body, type=_Request)
            except msgspec.MsgspecError:  # of a newer version: the other bridge sees that it is not begun
                continue
            if not self._slots.acquire(blocking=False):
                return
            is_begun = False
            try:
                if session.begin(request):
                    thread = threading.Thread(
                        target=self._answer, args=(request, wanted), name="channel test", daemon=True
                    )
                    thread.start()
                    is_begun = True
            finally:
                if not is_begun:
                    self._slots.release()

    def _await(self, session: FleetSession, request: int, bridge: str) -> ChannelTestResult | None:
        started = time.monotonic()
        while (waited := time.monotonic() - started) < PATIENCE_SECONDS:
            answer = session.answer_of(request)
            if answer:
                return _result(answer, waited, bridge)
            if answer is None and waited > self._begin_seconds:
                return None
            time.sleep(_POLL_SECONDS)
        reason = f"no result within {PATIENCE_SECONDS:.0f} s"
        return ChannelTestResult(verdict="retry", status=None, reason=reason, seconds=waited, bridge=bridge)

    def _answer(self, request: int, wanted: _Request) -> None:
        try:
            try:
                result = self._run(wanted.channel, wanted.actor)
            except OperationError as error:
                result = ChannelTestResult(verdict="rejected", status=None, reason=str(error), seconds=0.0)
            result = msgspec.structs.replace(result, bridge=self._bridge)
            with closing(self._open_session()) as session:
                session.answer(request, msgspec.msgpack.encode(result))
        except JournalError as error:
            self._log.warning("channel test not answered", problem=str(error))
        finally:
            self._slots.release()


def _result(answer: bytes, seconds: float, bridge: str) -> ChannelTestResult:
    try:
        return msgspec.msgpack.decode(answer, type=ChannelTestResult)
    except msgspec.MsgspecError as error:
        reason = f"the answer of a bridge of another version cannot be read ({error}); see its log"
        return ChannelTestResult(verdict="retry", status=None, reason=reason, seconds=seconds, bridge=bridge)
