"""The indexer's process. The first line of its standard input holds its settings; the end of the input ends it."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any

_NICENESS = 15
_POLL_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_FULL_DISK_SECONDS = 60.0


def main() -> int:
    """Index until the router ends. Returns 0, or 1 where the journal cannot be read."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the router handles Ctrl-C and a closed terminal, and stops us
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    settings: dict[str, Any] = json.loads(sys.stdin.buffer.readline() or b"{}")
    return _index(settings) if settings else 0


def _index(settings: dict[str, Any]) -> int:
    from bridge.common.structlog_import import import_structlog

    import_structlog()
    import structlog

    from bridge.common.log_setup import configure_logging
    from bridge.history.index.folder import IndexFolder
    from bridge.history.index.indexer import Indexer, boot_id
    from bridge.journal import JournalError
    from bridge.journal.file_lock import FileLock
    from bridge.journal.location import files_of, location_from, passwords_of
    from bridge.journal.opening import open_to_read

    masked = passwords_of(settings)
    configure_logging(settings["log"]["level"], settings["log"]["format"], masked)
    log = structlog.get_logger("history")
    location = location_from(settings)
    folder = IndexFolder(files_of(location))
    try:
        folder.path.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(folder.path / "lock")
        while not lock.try_acquire():  # the bridge before a restart still has it
            if _ended(_POLL_SECONDS):
                return 0
        journal = open_to_read(location)
        indexer = Indexer(journal.history, folder, boot_id())
        left = indexer.step()
        while not _ended(_RETRY_SECONDS if indexer.fails else 0.0 if left else _POLL_SECONDS):
            left = indexer.step()
        indexer.close()
    except JournalError as error:
        log.error("journal failed", problem=str(error))  # noqa: TRY400  # the message says it all
        return 1
    except OSError as error:
        log.warning("index not written", problem=str(error), path=str(folder.path), retry_seconds=_FULL_DISK_SECONDS)
        _ended(_FULL_DISK_SECONDS)
        return 1
    return 0


def _ended(seconds: float) -> bool:
    """Whether the router ended, or ended the input, within so many seconds."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    sys.exit(main())
