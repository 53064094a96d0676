"""How many keys the partitions of one owner may have together."""

from __future__ import annotations

import pytest

from bridge.pipeline.owner.owner import keys_for
from bridge.routing.state import KEYS_IN_ALL


def test_below_the_bound_a_partition_may_have_what_the_others_leave() -> None:
    assert keys_for(10, 100, 110) == KEYS_IN_ALL - 100


@pytest.mark.parametrize("sizes", [(KEYS_IN_ALL,) * 4, (1, KEYS_IN_ALL, 3 * KEYS_IN_ALL), (KEYS_IN_ALL, 0)])
def test_after_a_take_over_each_partition_keeps_its_share(sizes: tuple[int, ...]) -> None:
    """They are asked in turn, as in ``Owner.turn``, and each is cut to what it may have."""
    total = keys = sum(sizes)
    left = []
    for size in sizes:
        room = keys_for(size, keys - size, total)
        assert room >= size * KEYS_IN_ALL // total
        left.append(min(size, room))
        keys += left[-1] - size
    assert sum(left) <= KEYS_IN_ALL
    assert sum(left) >= KEYS_IN_ALL - len(sizes)
