"""Blocking work outside the event loop, in daemon threads: a hanging operation must not keep the process alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work`` in a thread of its own; returns or raises what it does."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001  # passed on to the caller
            error = raised
        with suppress(RuntimeError):  # the loop is closed: no caller waits for the result
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="operator request", daemon=True).start()
    return await done
