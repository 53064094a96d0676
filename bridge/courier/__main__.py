"""The courier's process. The first line of its standard input holds its settings; every later line is a command.

An empty line wakes it. ``stop SECONDS`` lets it deliver what is due and end; ``try CHANNEL`` sends a probe to that
channel at once. The end of the input means that the router has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from bridge.courier.exit_code import WORN_OUT


def main() -> int:
    """Deliver until stopped. Returns 0, WORN_OUT for another courier, or 1 where the journal cannot be used."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the router handles Ctrl-C and a closed terminal, and stops us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings: dict[str, Any] = json.loads(sys.stdin.buffer.readline() or b"{}")
    if not settings:
        return 0
    code = _deliver(settings)
    sys.stdout.flush()
    os._exit(code)  # a thread that hangs in a channel must not keep the process alive


def _deliver(settings: dict[str, Any]) -> int:
    import msgspec
    import structlog

    from bridge.channels.apprise import intercept
    from bridge.channels.native.allowed import from_settings
    from bridge.channels.registry import open_channels
    from bridge.common.clock import Timeline
    from bridge.common.log_setup import configure_logging
    from bridge.common.masking import secrets_in
    from bridge.courier.clock_steps import follow_start
    from bridge.courier.courier import IDLE_SECONDS, Courier
    from bridge.delivery.options import ChannelOptions
    from bridge.journal import JournalError
    from bridge.journal.opening import open_for_courier

    channels: dict[str, str] = settings["channels"]
    secrets = frozenset().union(*(secrets_in(url) for url in channels.values())) if channels else frozenset()
    configure_logging(settings["log"]["level"], settings["log"]["format"], secrets)
    log = structlog.get_logger("courier")
    try:
        journal = open_for_courier(Path(settings["journal"]))
        timeline = Timeline()
        follow_start(journal.deliveries, timeline.now_ns())
        journal.deliveries.release(timeline.now_ns())
        intercept.install()
        opened = open_channels(channels, settings["labels"], from_settings(settings["allow"]))
        options = msgspec.convert(settings.get("options", {}), dict[str, ChannelOptions])
        idle_seconds = settings.get("idle_seconds", IDLE_SECONDS)
        courier = Courier(journal.alerts, journal.deliveries, opened, options, timeline, idle_seconds=idle_seconds)
        threading.Thread(target=_read_commands, args=(courier,), daemon=True).start()
        courier.run()
        if courier.is_worn_out:
            return WORN_OUT
    except JournalError as error:
        log.error("journal failed", problem=str(error))  # noqa: TRY400  # the message says it all
        return 1
    return 0


def _read_commands(courier: Any) -> None:
    for line in sys.stdin.buffer:
        words = line.split()
        if words[:1] == [b"stop"]:
            courier.stop(float(words[1]))
        elif words[:1] == [b"try"]:
            courier.try_now(words[1].decode())
        else:
            courier.wake()
    courier.finish()


if __name__ == "__main__":
    sys.exit(main())
