"""Decodes and commits the requests of an http source, in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from threading import get_ident
from zoneinfo import ZoneInfo

import structlog

from bridge.alert import Alert
from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.http.request import INTERNAL_ERROR, Reply, decompress
from bridge.sources.contract import Aborted, Accept, Batch
from bridge.sources.http.pending import PendingRequest, PendingRequests
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, make_test_alert, read_body

_MAX_BATCH = 1000
"""Alerts that are committed together."""
_MAX_GROUP_BYTES = 4 << 20
"""Requests that are committed together are decoded from less than this and one body more."""
_BUSY_RATIO = 30
"""A commit that waited for less than this many times its CPU time is not stuck: the machine is busy."""
_MAX_REASON = 200
_ACCEPTED = Reply(200, "1 accepted")
_NOT_STORED = Reply(503, "the bridge stops and cannot store the alert; send it again")
_TOO_MANY_ALERTS = Reply(413, f"a body holds at most {MAX_ALERTS_PER_BODY} alerts")

Answers = list[tuple[PendingRequest, Reply]]


@dataclass(slots=True)
class _Group:
    """Requests that are committed together, with their replies."""

    alerts: list[Alert] = field(default_factory=list)
    rejected: list[RejectedMessage] = field(default_factory=list)
    answers: Answers = field(default_factory=list)
    payloads: list[Payload | None] = field(default_factory=list)
    """What each request contains; None if it was refused."""
    size: int = 0
    """Decoded bytes."""

    @property
    def full(self) -> bool:
        """Whether it should be committed before more is decoded."""
        return len(self.alerts) + len(self.rejected) >= _MAX_BATCH or self.size >= _MAX_GROUP_BYTES


class StuckCommit:
    """Measures whether the current commit waits for the disk. Written by the committer, checked by the loop."""

    def __init__(self) -> None:
        self._started = 0.0
        """When the commit began, by the monotonic clock; 0 if there is none."""
        self._clock: int | None = None
        self._checked = self._checked_at = self._cpu = 0.0
        """The commit that was last checked, by its start; when it was first checked, and the CPU time used by then."""

    def begin(self) -> None:
        """A commit begins, in this thread."""
        if self._clock is None and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(get_ident())
        self._started = time.monotonic()

    def end(self) -> None:
        """The commit has ended."""
        self._started = 0.0

    def longer_than(self, seconds: float) -> bool:
        """Whether the commit has taken this long, and nearly only waited since its first check. Checked repeatedly.

        The CPU time is read here, because reading it costs a system call.
        """
        started = self._started
        if not started:
            return False
        now, used = time.monotonic(), self._used()
        if started != self._checked:
            self._checked, self._checked_at, self._cpu = started, now, used
            return False
        return now - started > seconds and now - self._checked_at > _BUSY_RATIO * (used - self._cpu)

    def _used(self) -> float:
        try:
            return 0.0 if self._clock is None else time.clock_gettime(self._clock)
        except OSError:  # the thread has just ended
            return inf


class Committer:
    """Decodes requests, commits their alerts in bounded batches, and passes each request's reply to ``answer``."""

    def __init__(
        self, source_name: str, pending: PendingRequests, accept: Accept, answer: Callable[[Answers], None],
        zone: ZoneInfo | None,
    ) -> None:  # fmt: skip
        self._source_name = source_name
        self._pending = pending
        self._accept = accept
        self._answer = answer
        self._zone = zone
        self.current = StuckCommit()
        self._log = structlog.get_logger("http")

    def run(self) -> None:
        """Commit until stopped. Once the bridge cannot store them, requests are answered with 503."""
        while (requests := self._pending.take()) is not None:
            self._commit(requests)

    def _commit(self, requests: list[PendingRequest]) -> None:
        """Decode requests and commit them whenever enough alerts have gathered."""
        group = _Group()
        for request in requests:
            self._decode(request, group)
            if group.full:
                self._commit_group(group)
                group = _Group()
        if group.answers:
            self._commit_group(group)

    def _decode(self, request: PendingRequest, group: _Group) -> None:
        try:
            payload = self._payload(request, group)
        except TooManyAlerts:
            payload = _TOO_MANY_ALERTS
        except Exception:  # noqa: BLE001  # a bug must affect this request only
            self._log.exception("request failed", source=self._source_name)
            payload = INTERNAL_ERROR
        if isinstance(payload, Reply):
            request.is_refused = True
            if request.answered:  # with 202: nothing that was accepted may vanish
                why = f"was refused after it had been held: {payload.text}"
                payload = Payload(rejected=[RejectedMessage(why, request.body)])
        if isinstance(payload, Reply):
            group.payloads.append(None)
            group.answers.append((request, payload))
            return
        group.payloads.append(payload)
        group.alerts += payload.alerts
        group.rejected += payload.rejected
        group.answers.append((request, _reply_to(payload)))

    def _payload(self, request: PendingRequest, group: _Group) -> Payload | Reply:
        now_ns = time.time_ns()
        if request.is_test:
            return read_body(make_test_alert(now_ns), now_ns)
        content = decompress(request.body, request.encoding)
        if isinstance(content, Malformed):
            return Payload(rejected=[RejectedMessage(content.reason, request.body)])
        if isinstance(content, Reply):
            return content
        group.size += len(content)
        return read_body(content, now_ns, self._zone)

    def _commit_group(self, group: _Group) -> None:
        """Commit the group and answer its requests. If that fails, commit the requests one by one."""
        try:
            self._store(group.alerts, group.rejected)
        except Exception:  # noqa: BLE001  # a bug must affect one request only
            group.answers = [
                (request, reply if payload is None else self._commit_one(payload, reply))
                for (request, reply), payload in zip(group.answers, group.payloads, strict=True)
            ]
        self._answer(group.answers)

    def _commit_one(self, payload: Payload, reply: Reply) -> Reply:
        try:
            self._store(payload.alerts, payload.rejected)
        except Aborted:
            return _NOT_STORED
        except Exception:  # noqa: BLE001  # the same
            self._log.exception("commit failed", source=self._source_name)
            return INTERNAL_ERROR
        return reply

    def _store(self, alerts: list[Alert], rejected: list[RejectedMessage]) -> None:
        """Commit in batches. Returns once all are committed."""
        for start in range(0, max(len(alerts), 1), _MAX_BATCH):
            part = tuple(alerts[start : start + _MAX_BATCH])
            messages = () if start else tuple(rejected)
            if not part and not messages:
                return
            self.current.begin()
            try:
                self._accept(Batch(self._source_name, time.time_ns(), part, messages))
            finally:
                self.current.end()


def _reply_to(payload: Payload) -> Reply:
    """The reply to a request whose alerts are committed and whose rejected messages are quarantined."""
    if payload.alerts:
        if not payload.rejected and len(payload.alerts) == 1:
            return _ACCEPTED
        rejected = f", {len(payload.rejected)} rejected and quarantined" if payload.rejected else ""
        return Reply(200, f"{len(payload.alerts)} accepted{rejected}")
    return Reply(400, f"not an alert: the body {payload.rejected[0].reason[:_MAX_REASON]}; it was quarantined")
