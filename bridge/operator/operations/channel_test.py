"""Sends a test message to one channel, from a process of its own: a hanging channel cannot hold up the bridge."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping

import msgspec
import structlog

from bridge.common.child_process import start_python
from bridge.common.suggest import did_you_mean
from bridge.config.load import LoadedConfig
from bridge.delivery.extras import extras_as_settings
from bridge.operator.actor import Actor, OperationError
from bridge.operator.inspector import Inspector
from bridge.operator.model.base import NoParameters
from bridge.operator.model.channels import ChannelList, ChannelTestResult, TestChannel
from bridge.operator.operations.status import channel_statuses

PATIENCE_SECONDS = 90.0
"""How long a test message may take."""
_MOST_TESTS = 4
_NO_COURIER = "no bridge delivers to it at present"
AskBridge = Callable[[str, str, str], ChannelTestResult | None]
"""Given a bridge, a channel and who asks: the result, or None where the bridge does not answer."""


class ChannelOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(
        self,
        inspector: Inspector,
        config: Callable[[], LoadedConfig],
        try_now: Callable[[str], None],
        ask: AskBridge | None = None,
    ) -> None:
        """``try_now`` makes the courier use a channel again at once; ``config`` returns the current config.

        ``ask`` has another bridge of the fleet test a channel.
        """
        self._inspector = inspector
        self._config = config
        self._try_now = try_now
        self._ask = ask
        self._running = 0

    def list_all(self, _actor: Actor, _request: NoParameters) -> ChannelList:
        """Every channel."""
        snapshot = self._inspector.journal_snapshot()
        if snapshot is None:
            raise OperationError("the journal cannot be read at the moment; try again, and see the bridge's log", 503)
        return ChannelList(items=channel_statuses(snapshot))

    def test(self, actor: Actor, request: TestChannel) -> ChannelTestResult:
        """Send a test message. If the channel accepts it, deliveries that wait for it are sent at once.

        In a fleet, the bridge that delivers to the channel sends it, or this one if that one does not answer.
        """
        if self._running >= _MOST_TESTS:
            raise OperationError(f"{_MOST_TESTS} channel tests are running; try again when one has finished", 503)
        self._running += 1
        try:
            return self._test(request.channel, actor.name)
        finally:
            self._running -= 1

    def _test(self, channel: str, actor: str) -> ChannelTestResult:
        own, note = self._inspector.bridge_id, ""
        courier = self._inspector.courier_of(channel) if own else ""
        if own and courier != own:
            result = self._ask(courier, channel, actor) if courier and self._ask is not None else None
            if result is not None:
                return result
            note = f"bridge {courier}, which delivers to it, did not answer" if courier else _NO_COURIER
        result = test_and_resume(self._config(), channel, actor, self._try_now)
        return msgspec.structs.replace(result, bridge=own, note=note)


def test_and_resume(config: LoadedConfig, name: str, actor: str, try_now: Callable[[str], None]) -> ChannelTestResult:
    """As ``test_channel``. If the channel accepts the message, ``try_now`` is called with its name."""
    result = test_channel(config, name)
    structlog.get_logger("operator").info("channel tested", channel=name, verdict=result.verdict, actor=actor)
    if result.verdict == "delivered":
        try_now(name)
    return result


def test_channel(config: LoadedConfig, name: str) -> ChannelTestResult:
    """Send a test message. Raises OperationError if the config has no such channel."""
    if name not in config.channels:
        hint = did_you_mean(name, config.channels) or f"the channels are {', '.join(config.channels)}"
        raise OperationError(f"the config has no channel `{name}`; {hint}", 404)
    request: dict[str, object] = {
        "name": name,
        "url": config.channels[name].url.reveal(),
        "extras": extras_as_settings({name: config.channels[name].extras()}),
        "labels": dict(config.labels),
    }
    request["allow"] = config.allowed.as_settings()
    try:
        process = start_python(
            "bridge.courier.channel_test", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            without=config.secret_names,
        )  # fmt: skip
    except OSError as error:
        reason = f"the test process could not be started ({error.strerror})"
        return ChannelTestResult(verdict="retry", status=None, reason=reason, seconds=0.0)
    started = time.monotonic()
    try:
        output, _ = process.communicate(json.dumps(request).encode(), timeout=PATIENCE_SECONDS)
        # A zero byte separates the result from what console:// printed before it.
        result: Mapping[str, object] = json.loads(output.rpartition(b"\x00")[2])
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.communicate()
        reason = f"no result within {PATIENCE_SECONDS:.0f} s" if _timed_out(started) else "the test process failed"
        return ChannelTestResult(verdict="retry", status=None, reason=reason, seconds=time.monotonic() - started)
    return msgspec.convert(result, ChannelTestResult)


def _timed_out(started: float) -> bool:
    return time.monotonic() - started >= PATIENCE_SECONDS
