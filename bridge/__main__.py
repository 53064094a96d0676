"""The entry point of ``python -m bridge`` and of the command ``falco-bridge``."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line. Returns the exit code.

    A bridge can be stopped right after it was started. SIGTERM is therefore blocked first, until the bridge handles it
    (``daemon/signals.py``).
    """
    if sys.argv[1:] and sys.argv[1].startswith("--config"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    from bridge.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
