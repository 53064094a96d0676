"""A progress bar. Prints nothing if the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.workbench.replay.recording import Part


@contextmanager
def progress(parts: Sequence[Part], doing: str) -> Iterator[Callable[[Part], None] | None]:
    """A function to call after each part, which advances a bar on standard error; None if that is no terminal."""
    if not sys.stderr.isatty() or sum(part.size for part in parts) == 0:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Without a thread of its own: processes are forked while the bar is shown.
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task(doing, total=len(parts))
        bar.refresh()

        def advance(_part: Part) -> None:
            bar.advance(task)
            bar.refresh()

        yield advance
