"""The process that sends one test message to a channel, as the courier would. Settings are read from standard input."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from bridge.alert import INTERNAL_SOURCE, Priority, make_alert
from bridge.channels.errors import ChannelError
from bridge.delivery import Delivery, Outcome, Verdict
from bridge.delivery.extras import NO_EXTRAS, extras_from
from bridge.routing import Notification


def main() -> int:
    """Read ``{"name": …, "url": …, "extras": {…}, "labels": {…}, "allow": {…}}``; write NUL and the outcome as JSON."""
    logging.disable(logging.CRITICAL)  # Apprise names tokens in its warnings
    settings: dict[str, Any] = json.load(sys.stdin)
    started = time.monotonic()
    outcome = _send(settings)
    result = {
        "verdict": outcome.verdict.value,
        "status": outcome.status,
        "reason": outcome.reason,
        "seconds": time.monotonic() - started,
    }
    sys.stdout.write("\x00" + json.dumps(result))
    return 0


def _send(settings: dict[str, Any]) -> Outcome:
    from bridge.channels.apprise import intercept
    from bridge.channels.native.local.allowed import from_settings
    from bridge.channels.registry import open_channel

    intercept.install()
    try:
        name, allowed = settings["name"], from_settings(settings["allow"])
        extras = extras_from(settings["extras"]).get(name, NO_EXTRAS)
        channel = open_channel(name, settings["url"], settings["labels"], allowed, extras)
    except ChannelError as error:
        return Outcome(Verdict.REJECTED, reason=f"the channel {error}")
    try:
        return channel.send((_message(settings["name"]),))
    finally:
        channel.close()


def _message(name: str) -> Delivery:
    now_ns = time.time_ns()
    alert = make_alert(
        time_ns=now_ns, priority=Priority.NOTICE, rule="Test message", source=INTERNAL_SOURCE, hostname="falco-bridge",
        tags=("falco-bridge",), output=f"Test message from falco-bridge: channel {name} works. No action is needed.",
        fields={"bridge.channel": name},
    )  # fmt: skip
    return Delivery(0, alert, Notification(name, ("channels test",), Priority.NOTICE), 0, now_ns)


if __name__ == "__main__":
    sys.exit(main())
