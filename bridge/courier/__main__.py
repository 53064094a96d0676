"""The courier's process. The first line of standard input holds its settings; then a line is a wake-up.

``drain SECONDS`` asks it to finish and leave, ``try CHANNEL`` to look whether that one works again; the end of the
input means that the router is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bridge.courier.exit_code import WORN_OUT

_LOOK_SECONDS = 0.05


def main() -> int:
    """Deliver until told otherwise; 0 when drained, WORN_OUT for another courier, 1 where the journal cannot go on."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the router answers Ctrl-C and a closed terminal, and speaks to us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings: dict[str, Any] = json.loads(sys.stdin.buffer.readline() or b"{}")
    if not settings:
        return 0
    code = _deliver(settings)
    sys.stdout.flush()
    os._exit(code)  # a thread that hangs in a channel must not hold the process


def _deliver(settings: dict[str, Any]) -> int:
    import msgspec
    import structlog

    from bridge.channels.apprise import intercept
    from bridge.channels.native.allowed import from_settings
    from bridge.channels.registry import open_channels
    from bridge.common.log_setup import configure_logging
    from bridge.common.masking import secrets_in
    from bridge.courier.courier import Courier
    from bridge.delivery.options import ChannelOptions
    from bridge.journal import JournalError
    from bridge.journal.sqlite import FileLock, Journal

    channels: dict[str, str] = settings["channels"]
    secrets = frozenset().union(*(secrets_in(url) for url in channels.values())) if channels else frozenset()
    configure_logging(settings["log"]["level"], settings["log"]["format"], secrets)
    log = structlog.get_logger("courier")
    path = Path(settings["journal"])
    lock = FileLock(path.with_name(path.name + ".courier.lock"))
    while not lock.try_acquire():  # the one before us is still leaving
        time.sleep(_LOOK_SECONDS)
    try:
        journal = Journal.open(path)
        journal.release(time.time_ns())
        intercept.install()
        opened = open_channels(channels, settings["labels"], from_settings(settings["allow"]))
        options = msgspec.convert(settings.get("options", {}), dict[str, ChannelOptions])
        courier = Courier(journal, opened, options)
        threading.Thread(target=_listen, args=(courier,), daemon=True).start()
        courier.run()
        if courier.is_worn_out:
            return WORN_OUT
    except JournalError as error:
        log.error("courier cannot go on", problem=str(error))  # noqa: TRY400  # the sentence says it all
        return 1
    return 0


def _listen(courier: Any) -> None:
    for line in sys.stdin.buffer:
        words = line.split()
        if words[:1] == [b"drain"]:
            courier.drain(float(words[1]))
        elif words[:1] == [b"try"]:
            courier.try_now(words[1].decode())
        else:
            courier.wake()
    courier.leave()


if __name__ == "__main__":
    sys.exit(main())
