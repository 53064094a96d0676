"""Runs short actions of other threads in the owner's thread, between two turns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from bridge.sources.contract import Aborted

_Result = TypeVar("_Result")


class Calls:
    """Thread-safe."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` makes the owner call ``take`` soon."""
        self._wake = wake
        self._waiting: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._closed = False
        self._lock = threading.Lock()

    def run(self, action: Callable[[], _Result]) -> _Result:
        """The result of the action. Raises what it raises, and Aborted once the owner has stopped."""
        future: Future[_Result] = Future()
        with self._lock:
            if self._closed:
                raise Aborted("owner")
            self._waiting.append((action, future))
        self._wake()
        return future.result()

    def take(self) -> None:
        """Run what waits. Called in the owner's thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for action, future in waiting:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001  # the caller's thread handles it
                future.set_exception(error)

    def close(self) -> None:
        """The owner has stopped: what waits is aborted."""
        with self._lock:
            waiting, self._waiting, self._closed = self._waiting, [], True
        for _, future in waiting:
            future.set_exception(Aborted("owner"))
