"""The courier's process. The first line of its standard input holds its settings; every later line is a command.

An empty line wakes it. ``stop SECONDS`` lets it deliver what is due and end; where another courier can take over its
channels, it ends what is in flight only. ``try CHANNEL`` sends a probe to that
channel at once; ``configure SETTINGS`` replaces the settings. The end of the input means that the router has ended, or
that it starts another courier.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from bridge.courier.process.exit_code import WORN_OUT

if TYPE_CHECKING:
    from bridge.courier.courier import Courier
    from bridge.courier.process.leased_channels import LeasedChannels
    from bridge.courier.process.settings import Settings

_NICENESS = 10
"""Below the router: Falco posts once and drops what is refused, while a delivery can wait for a core."""


def main() -> int:
    """Deliver until stopped. Returns 0, WORN_OUT for another courier, or 1 where the journal cannot be used."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the router handles Ctrl-C and a closed terminal, and stops us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(_NICENESS)
    settings: dict[str, Any] = json.loads(sys.stdin.buffer.readline() or b"{}")
    if not settings:
        return 0
    code = _deliver(settings)
    sys.stdout.flush()
    os._exit(code)  # a thread that hangs in a channel must not keep the process alive


def _deliver(settings: dict[str, Any]) -> int:
    from bridge.common.structlog_import import import_structlog

    import_structlog()
    import structlog

    from bridge.channels.apprise import intercept
    from bridge.common.clocks.clock import SYSTEM_CLOCK, Timeline
    from bridge.courier.clock_steps import follow_start
    from bridge.courier.courier import IDLE_SECONDS, Courier
    from bridge.courier.process.leased_channels import IDLE_SECONDS as LEASED_IDLE_SECONDS
    from bridge.courier.process.settings import Settings
    from bridge.journal import JournalError
    from bridge.journal.location import location_from
    from bridge.journal.opening import open_for_courier
    from bridge.tracing.tracer import Tracer

    current = Settings(settings)
    current.configure_logging()
    log = structlog.get_logger("courier")
    try:
        journal = open_for_courier(location_from(settings), current.member())
        membership = journal.membership
        is_fleet = membership is not None
        timeline = Timeline(SYSTEM_CLOCK if membership is None else membership.clock, follows_drift=is_fleet)
        if membership is None:
            follow_start(journal.deliveries, timeline.now_ns())
            journal.deliveries.release(timeline.now_ns())
        intercept.install()
        idle_seconds = settings.get("idle_seconds", IDLE_SECONDS if membership is None else LEASED_IDLE_SECONDS)
        tracer = Tracer("courier", current.span_counts())
        tracer.use(current.traces)
        courier = Courier(
            journal.alerts, journal.deliveries, current.opened() if membership is None else {}, current.options,
            timeline, idle_seconds=idle_seconds, tracer=tracer,
        )  # fmt: skip
        leased = None if membership is None else current.lease_channels(courier, membership)
        threading.Thread(target=_read_commands, args=(courier, current, leased), daemon=True).start()
        gc.freeze()  # modules and channels last: examining them again and again would cost 3 % of the CPU
        courier.run()
        tracer.close()
        if membership is not None:
            membership.close()
        if courier.is_worn_out:
            return WORN_OUT
    except JournalError as error:
        log.error("journal failed", problem=str(error))  # noqa: TRY400  # the message says it all
        return 1
    except Exception:  # the log masks secrets, and the interpreter aborts if it ends while a thread reads its input
        log.exception("courier failed")
        return 1
    return 0


def _read_commands(courier: Courier, settings: Settings, leased: LeasedChannels | None) -> None:
    """Follow the commands to their end. After one that cannot be followed, the router starts another courier."""
    import structlog

    try:
        _follow_commands(courier, settings, leased)
    except Exception:  # noqa: BLE001  # a thread that dies would leave the courier without a router
        structlog.get_logger("courier").exception("command failed; another courier is started")
    finally:
        courier.finish()


def _follow_commands(courier: Courier, settings: Settings, leased: LeasedChannels | None) -> None:
    for line in sys.stdin.buffer:
        command, _, argument = line.partition(b" ")
        if command == b"stop":
            courier.stop(float(argument), leaves_rest=leased is not None and leased.has_others)
        elif command == b"try":
            courier.try_now(argument.decode().strip())
        elif command == b"configure":
            if not line.endswith(b"\n"):
                return  # the router could not write all of it, and starts another courier
            settings = settings.followed_by(json.loads(argument), courier, leased)
        else:
            courier.wake()


if __name__ == "__main__":
    sys.exit(main())
