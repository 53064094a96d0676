"""The console's process. The first line of its standard input says what to serve; the end of the input ends it."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading

_NICENESS = 19
"""As in `serve`, which is not imported yet."""
_PATIENCE_SECONDS = 5.0
"""How long the address may be in use: by the console before this one."""
_POLL_SECONDS = 0.25


def main() -> int:
    """Serve until the bridge ends. Returns 0, or 1 where it cannot listen: standard output then says why."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the bridge handles Ctrl-C and a closed terminal, and stops us
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    line = sys.stdin.buffer.readline()
    return _serve(line) if line else 0


def _serve(line: bytes) -> int:
    from bridge.common.structlog_import import import_structlog

    import_structlog()
    import msgspec

    from bridge.common.errors import SetupError
    from bridge.common.log_setup import configure_logging
    from bridge.console.process.launch import ConsoleLaunch, masked_texts
    from bridge.console.process.serve import Listening, console_of, serve

    launch = msgspec.json.decode(line, type=ConsoleLaunch)
    configure_logging(launch.log["level"], launch.log["format"], masked_texts(launch))
    console = console_of(launch)
    for attempt in range(round(_PATIENCE_SECONDS / _POLL_SECONDS), -1, -1):
        try:
            listening = Listening(launch)
            break
        except SetupError as error:
            if attempt == 0 or _ended(_POLL_SECONDS):
                print(f"problem {error}", flush=True)  # noqa: T201  # the bridge reads it
                return 1
    stopped = threading.Event()

    def wait_for_end() -> None:
        _ended(None)
        stopped.set()

    threading.Thread(target=wait_for_end, name="end of the bridge", daemon=True).start()
    serve(console, listening, stopped, lambda: print(f"serving {listening.address}", flush=True))  # noqa: T201
    return 0


def _ended(seconds: float | None) -> bool:
    """Whether the bridge ended, or ended the input, within so many seconds; None waits for it."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    sys.exit(main())
