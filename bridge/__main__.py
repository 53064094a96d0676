"""The entry point of ``python -m bridge`` and of the command ``falco-bridge``."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line. Returns the exit code.

    A bridge can be stopped, restarted or reloaded right after it was started. The signals are therefore blocked first,
    until the bridge handles them (``daemon/signals.py``).
    """
    if sys.argv[1:] and sys.argv[1].startswith("--config"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGHUP})
    from bridge.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
