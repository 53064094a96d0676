"""The process of a backtest. Questions are lines of standard input; the end of the input ends it.

It runs beside the console, with a lower priority and with bounds on its memory: what a visitor types may be expensive.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING

import msgspec

from bridge.console.backtest.messages import Answer, Check, Complete, Examine, Failed, Question, Try

if TYPE_CHECKING:
    from bridge.console.backtest.hints import Hints

_NICENESS = 5
"""Added to the console's."""
_MEMORY = 1 << 30
"""Bytes."""
_IDLE_SECONDS = 600.0
_TOO_MUCH_MEMORY = "more memory is needed than a backtest may use; choose a shorter span, or write fewer conditions"


def main() -> int:
    """Answer until the input ends, or until nothing was asked for ten minutes."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decoder = msgspec.json.Decoder(Question)
    source = sys.stdin.buffer
    hints = None
    while select.select([source], [], [], _IDLE_SECONDS)[0] and (line := source.readline()):
        asked = decoder.decode(line)
        if isinstance(asked, Try):
            threading.Thread(target=_end_with_input, daemon=True).start()
            _send(_tried(asked))
            return 0
        if hints is None or hints.config != asked.config:
            from bridge.console.backtest.hints import Hints

            hints = Hints(asked.config)
        _send(_hint(hints, asked))
    return 0


def _tried(asked: Try) -> Answer:
    from bridge.console.backtest.trial import run_trial

    try:
        return run_trial(asked, _send)
    except MemoryError:
        return Failed(_TOO_MUCH_MEMORY)


def _hint(hints: Hints, asked: Check | Complete | Examine) -> Answer:
    from bridge.console.backtest.sets import UnusableError

    try:
        match asked:
            case Check():
                return hints.problems(asked)
            case Complete():
                return hints.options(asked)
            case Examine():
                return hints.examined()
    except UnusableError as error:
        return Failed(str(error))
    except MemoryError:
        return Failed(_TOO_MUCH_MEMORY)


def _end_with_input() -> None:
    """End at once when the console ends, or cancels."""
    sys.stdin.buffer.read()
    os._exit(1)


def _send(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
