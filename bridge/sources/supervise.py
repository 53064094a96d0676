"""A source's life in its thread."""

from __future__ import annotations

import threading

import structlog

from bridge.sources.contract import Abandoned, Accept, Source

_RESTART_SECONDS = 5.0


def live(source: Source, accept: Accept, stop: threading.Event) -> bool:
    """Run the source until it ends. A fault in it is told, and it is started anew: the others read on meanwhile.

    Returns False where the bridge left before all that was read could be kept.
    """
    while not stop.is_set():
        try:
            source.run(accept)
        except Abandoned:
            return False
        except Exception:  # noqa: BLE001  # whatever it is, the other sources must read on
            structlog.get_logger("bridge").exception(
                "source failed; starting it anew", source=source.name, wait_seconds=_RESTART_SECONDS
            )
            stop.wait(_RESTART_SECONDS)
        else:
            break
    return True
