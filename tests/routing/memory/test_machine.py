"""Several routes with memory, driven at random, against the definitions of their clauses."""

from __future__ import annotations

from hypothesis.stateful import invariant

from tests.routing.memory.definitions import FUTURE, Line
from tests.routing.memory.harness import SECOND
from tests.routing.memory.machine import SIZE, WINDOWS, Memory


class TestMemory(Memory.TestCase):  # type: ignore[name-defined,misc]
    """Exact, while no key is evicted."""

    settings = SIZE


class SmallMemory(Memory):
    """Tables of three keys, and more keys than that: what is forgotten is sent once too often rather than never."""

    keys = ("p", "q", "r", "s", "t", "u")
    keys_per_table = 3
    # Not driven here: what these remove from the state is no eviction.
    reload = step_clock = acknowledge = silence = None  # type: ignore[assignment]

    @invariant()
    def loses_nothing(self) -> None:
        """For each notification of the definition there is one that a person got in time."""
        for name in self.evicted:
            found = self.sent(name)
            for line in self.definitions[name].lines:
                assert not line.certain or line.channel != name or self.covered(name, line, found), (name, line)

    def covered(self, name: str, line: Line, found: list[Line]) -> bool:
        """Whether what the engine sent stands for this notification."""
        events = [self.events[number - 1] for number in line.numbers]
        match name:
            case "unseen" | "unprevented":  # the very same
                return line in found
            case "joined":  # the alert itself, perhaps without the other one, for which it waits four seconds
                own = {each.number for each in events if each.rule == "a"}
                return self.now <= line.at + 4 * SECOND or any(own & each.numbers for each in found)
            case "awaited" | "lonely" | "silent":  # the key, since the alert
                return any(self.key_of(each) == events[0].key and events[0].at <= each.at for each in found)
            case "plenty":  # one evicted key in each window
                return any(each.at > line.at - 2 * WINDOWS[0] * SECOND - FUTURE for each in found)
            case "followed":  # as well; an early second step that was evicted completes nothing
                early = any(each.rule == "b" and each.number < max(line.numbers) for each in events)
                return early or any(each.at > line.at - 2 * WINDOWS[0] * SECOND - FUTURE for each in found)
        return True

    def key_of(self, line: Line) -> str:
        return self.events[min(line.numbers) - 1].key

    def teardown(self) -> None:
        """In the end each alert is counted in one notification of the throttle and of the group."""
        self.pass_time(100_000)
        self.holds()
        self.loses_nothing()
        for name in ("limited", "gathered"):
            counted = dict.fromkeys(self.keys, 0)
            for line in self.lines:
                if line.channel == name:
                    counted[self.key_of(line)] += line.count
            assert counted == {key: sum(each.key == key for each in self.events) for key in self.keys}
        digests = [(line.at, each) for line in self.lines if line.channel == "gathered" for each in line.numbers]
        assert sorted(number for _, number in digests) == [each.number for each in self.events]
        assert all(at <= self.events[number - 1].at + 20 * SECOND for at, number in digests)
        escalated = {self.key_of(line) for line in self.lines if line.channel == "boss"}
        assert {self.key_of(line) for line in self.definitions["limited"].lines if line.channel == "boss"} <= escalated


class TestSmallMemory(SmallMemory.TestCase):  # type: ignore[name-defined,misc]
    """Weaker, where keys are evicted."""

    settings = SIZE
