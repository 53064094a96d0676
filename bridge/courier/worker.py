"""The threads of one channel: each sends one delivery at a time, and none waits for another channel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import structlog

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.journal import Delivery

Done = Callable[[Delivery, Outcome], None]


class Workers:
    """A channel with its threads."""

    def __init__(self, channel: Channel, threads: int, done: Done) -> None:
        self.channel = channel
        self.capacity = threads
        self._done = done
        self._queue: SimpleQueue[Delivery] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{channel.name} {number}", daemon=True).start()

    def put(self, delivery: Delivery) -> None:
        """Hand a claimed delivery to the next free thread."""
        self._queue.put(delivery)

    def _work(self) -> None:
        while True:
            delivery = self._queue.get()
            self._done(delivery, self._send(delivery))

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            return self.channel.send((delivery,))
        except Exception as error:  # noqa: BLE001  # a delivery is never lost to a fault in its channel
            structlog.get_logger("courier").error(
                "channel failed", channel=self.channel.name, error=type(error).__name__
            )
            return Outcome(Verdict.RETRY, None, f"its channel failed ({type(error).__name__})")
