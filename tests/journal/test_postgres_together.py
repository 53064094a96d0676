"""A router, a courier and an operator use one database at the same time; each key is delivered in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.common.secret import Secret
from bridge.delivery import Capacity, DeliveryState
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_for_courier, open_for_router, open_to_write
from tests.conftest import FULL
from tests.journal.conformance import retry_at
from tests.support.builders import entry, settlement
from tests.support.postgres import drop_schema, in_schema, new_schema

ALERTS = 20_000 if FULL else 600
KEYS = "abcdefgh"


@pytest.fixture
def location(postgres: str, tmp_path: Path) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    yield DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path / "local")
    drop_schema(postgres, schema)


class Writers(threading.Thread):
    """Appends alerts of a few keys in batches, and retries what has become a dead letter."""

    def __init__(self, location: DatabaseLocation) -> None:
        super().__init__()
        self._location = location
        self.done = False

    def run(self) -> None:
        chance, number = random.Random(1), 0
        with closing(open_for_router(self._location)) as router, closing(open_to_write(self._location)) as operator:
            while number < ALERTS:
                size = min(chance.choice((1, 1, 5, 20)), ALERTS - number)
                batch = [entry(each, "chat", route=key, incident=key) for each in range(number, number + size)
                         for key in chance.choice(KEYS)]  # fmt: skip
                router.alerts.append("falco", 0, batch)
                number += size
                operator.dead_letters.retry(operator.dead_letters.ids(), 0)
            self.done = True


def test_every_key_is_delivered_in_order_while_more_is_appended(location: DatabaseLocation) -> None:
    """Retries wait their turn; a delivery that was a dead letter is sent once more, whenever that was."""
    chance = random.Random(2)
    open_for_router(location).close()
    writers = Writers(location)
    arrived: dict[str, list[int]] = {}
    dead: set[int] = set()
    with closing(open_for_courier(location)) as courier:
        writers.start()
        while not writers.done or courier.deliveries.undelivered() or courier.dead_letters.counts():
            if writers.done:
                courier.dead_letters.retry(courier.dead_letters.ids(), 0)
            sends = courier.deliveries.claim(0, 1000, {"chat": Capacity(3, 5)})
            for send in sends:
                ids = [each.id for each in send]
                fate = chance.random()
                if fate < 0.2:
                    courier.deliveries.settle([retry_at(each, 0) for each in ids])
                elif fate < 0.3:
                    courier.deliveries.put_back(ids, 0)
                elif fate < 0.35:
                    dead.update(ids)
                    courier.deliveries.settle([settlement(each, DeliveryState.DEAD) for each in ids])
                else:
                    for each in send:
                        arrived.setdefault(each.notification.routes[0], []).append(each.id)
                    courier.deliveries.settle([settlement(each) for each in ids])
        writers.join()
    assert sum(map(len, arrived.values())) == ALERTS
    for ids in arrived.values():
        in_order = [each for each in ids if each not in dead]
        assert in_order == sorted(in_order)
