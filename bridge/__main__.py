"""``python -m bridge`` and the command ``falco-bridge``: where a process begins."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line; returns the exit code.

    Whoever starts a bridge may stop it again at once: SIGTERM then waits until the bridge answers it
    (``daemon/signals.py``), which is before anything is read. So this comes before all that takes time.
    """
    if sys.argv[1:] and sys.argv[1].startswith("--config"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    from bridge.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
