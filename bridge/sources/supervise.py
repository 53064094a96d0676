"""Runs a source and restarts it after a fault."""

from __future__ import annotations

import threading

import structlog

from bridge.sources.contract import Aborted, Accept, Source

RESTART_SECONDS = 5.0
"""How long after a fault a source is started again."""


def supervise(source: Source, accept: Accept, stop: threading.Event) -> bool:
    """Run the source until it ends. A fault is logged and the source is restarted; other sources are not affected.

    Returns False if the bridge stopped before everything that was read could be committed.
    """
    while not stop.is_set():
        try:
            source.run(accept)
        except Aborted:
            return False
        except Exception:  # noqa: BLE001  # one source's fault must not stop the others
            structlog.get_logger("bridge").exception(
                "source failed", source=source.name, restart_seconds=RESTART_SECONDS
            )
            stop.wait(RESTART_SECONDS)
        else:
            break
    return True
