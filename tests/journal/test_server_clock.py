"""The clock of a database, as a process of another machine knows it."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.common.clocks.clock import Timeline
from bridge.journal.server_clock import ServerClock

MS, SECOND = 1_000_000, 1_000_000_000


@dataclass
class Machine:
    """Its wall clock is five minutes behind."""

    now_ns: int = 1000 * SECOND

    def wall_ns(self) -> int:
        return self.now_ns - 300 * SECOND

    def monotonic_ns(self) -> int:
        return self.now_ns


def test_machines_whose_clocks_differ_have_the_same_time() -> None:
    """The fastest answer counts; slow ones and small differences do not make the time jump."""
    machine = Machine()
    clock = ServerClock(machine)
    assert clock.wall_ns() == 700 * SECOND
    clock.measured(5000 * SECOND, machine.now_ns - MS, machine.now_ns + MS)
    assert clock.wall_ns() == 5000 * SECOND
    clock.measured(5000 * SECOND + 400 * MS, machine.now_ns - 500 * MS, machine.now_ns + 500 * MS)
    assert clock.wall_ns() == 5000 * SECOND
    clock.measured(5000 * SECOND + 8 * MS, machine.now_ns, machine.now_ns)
    assert clock.wall_ns() == 5000 * SECOND + MS
    machine.now_ns += SECOND
    assert clock.wall_ns() == 5001 * SECOND + MS


def test_a_step_of_the_servers_clock_is_a_step() -> None:
    """A database that another machine took over may have another time."""
    machine = Machine()
    clock = ServerClock(machine)
    clock.measured(5000 * SECOND, machine.now_ns, machine.now_ns)
    timeline = Timeline(clock)
    machine.now_ns += SECOND
    clock.measured(4901 * SECOND, machine.now_ns, machine.now_ns)
    step = timeline.take_step()
    assert step is not None
    assert step.by_ns == -100 * SECOND
    assert timeline.now_ns() == 4901 * SECOND
