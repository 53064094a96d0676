"""The garbage collector is paused and resumed."""

from __future__ import annotations

import gc

import pytest

from bridge.common.collection import collection_paused


def test_collection_is_resumed_also_after_an_error() -> None:
    """As it was before."""
    seen: list[bool] = []

    @collection_paused()
    def fail() -> None:
        seen.append(gc.isenabled())
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert seen == [False]
    assert gc.isenabled()


def test_collection_that_is_off_stays_off() -> None:
    """Nested pauses end with the outer one."""
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_lasts_is_not_examined() -> None:
    """Until everything is examined again."""
    try:
        before = gc.get_freeze_count()
        with collection_paused(lasting=True):
            made = [[number] for number in range(1000)]
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()
