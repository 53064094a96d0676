"""The definitions of all clauses with memory hold where their state is divided and its parts move between owners."""

from __future__ import annotations

from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from bridge.common.clocks.clock import Step
from bridge.language.program.program import Program
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.conftest import FULL
from tests.routing.memory.harness import SECRET
from tests.routing.memory.machine import SIZE, Memory, route
from tests.routing.memory.test_machine import SmallMemory
from tests.routing.partitions.divided import COUNT, DividedRouter, DividedState


class DividedMemory(Memory):
    """As Memory; its journal stores the rows of all partitions, and a restart divides them again."""

    keys = ("p", "q", "r", "s")

    def empty(self) -> State:
        self.divided = DividedState(self.keys_per_table)
        if hasattr(self, "router"):
            self.divided.router = cast("DividedRouter", self.router)
        return cast("State", self.divided)

    def compiled(self) -> Router:
        router = DividedRouter(Program(tuple(route(*each) for each in self.windows.items()), ()), SECRET)
        self.divided.router = router
        return router

    def follow(self, step: Step) -> None:
        self.divided.follow(step)

    @rule(partition=st.integers(0, COUNT - 1))
    def move(self, partition: int) -> None:
        """An owner ends, and another one takes its partition."""
        self.divided.move(partition)


class TestDividedMemory(DividedMemory.TestCase):  # type: ignore[name-defined,misc]
    """Exact, while no key is evicted."""

    settings = SIZE if FULL else settings(SIZE, max_examples=25)


class SmallDividedMemory(DividedMemory, SmallMemory):
    """Each partition has room for two keys of a clause, and there are more keys than that."""

    keys = tuple("pqrstuvwxyz")
    keys_per_table = 2


class TestSmallDividedMemory(SmallDividedMemory.TestCase):  # type: ignore[name-defined,misc]
    """Weaker, where keys are evicted; the throttle and the group still count each alert once."""

    settings = SIZE if FULL else settings(SIZE, max_examples=25)
