"""Keeps this process a member of a fleet: a thread renews its leases, and takes and gives up others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import structlog

from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.journal.errors import JournalError
from bridge.journal.members import DUTY, ROUTER, LeaseTable, Member
from bridge.journal.server_clock import ServerClock

_SECOND = 1_000_000_000
_OVERFLOW_BEATS = 4
"""After so many beats a member takes what no other one takes, although it has its share."""
_JOIN_SECONDS = 30.0
_RETURN_SECONDS = 30.0
"""How long others may take to say that they are alive, after the database did not answer."""


class Holding:
    """The leases of one kind that this process has. Thread-safe."""

    def __init__(
        self,
        membership: Membership,
        kind: str,
        role: str,
        names: Callable[[], Collection[str]],
        on_change: Callable[[], None],
        *,
        hands_over: bool,
    ) -> None:
        self.kind = kind
        self._membership = membership
        self._role = role
        self._names = names
        self._on_change = on_change
        self._hands_over = hands_over
        self._tokens: Mapping[str, int] = {}
        self._surplus: frozenset[str] = frozenset()
        self._is_reported = True
        """Whether ``on_change`` was called for what it has now."""
        self.has_others = False
        """Whether other members can take over what this process has, as the last beat found it."""
        self._unwanted_by_others: set[str] = set()
        """Names that no other member took although it could."""
        self._beats_left = 0
        self._given_up: dict[str, int | None] = {}
        """What others may have, with the tokens of these leases."""
        self._lock = threading.Lock()

    @property
    def tokens(self) -> Mapping[str, int]:
        """Names and tokens, as the last beat found them. What depends on them must be fenced."""
        return self._tokens

    @property
    def surplus(self) -> frozenset[str]:
        """Those that this process should give up once it has finished with them: others have none, or have joined."""
        return self._surplus

    def has(self, name: str) -> bool:
        """Whether this process has the lease, and no other one can have taken it over yet."""
        return name in self._tokens and self._membership.is_alive

    def give_up(self, names: Collection[str]) -> None:
        """Let others have these, at the next beat."""
        with self._lock:
            self._given_up.update((name, self._tokens.get(name)) for name in names)
        self._membership.beat_soon()

    def update(self, table: LeaseTable) -> None:
        """Take and give up what is to be. Called at each beat. Raises JournalError."""
        given_up = self._still_to_give_up()
        if given_up:
            table.give_up(self.kind, given_up)
        names = frozenset(self._names())
        taken = table.take(self.kind, self._role, names, 0)
        if self._has_waited(table, names, len(taken.tokens)):
            taken = table.take(self.kind, self._role, names, len(names))
            self._unwanted_by_others |= taken.tokens.keys() - self._tokens.keys()
        surplus = self._too_many(taken.tokens, names, taken.share)
        if self._hands_over and surplus:
            table.give_up(self.kind, surplus)
            taken_tokens = {name: token for name, token in taken.tokens.items() if name not in surplus}
            surplus = frozenset()
        else:
            taken_tokens = dict(taken.tokens)
        self._is_reported &= taken_tokens == self._tokens and surplus == self._surplus
        self.has_others = taken.has_others
        self._tokens, self._surplus = taken_tokens, surplus
        if not self._is_reported:
            self._on_change()
            self._is_reported = True

    def forget(self) -> None:
        """This process is no member any more."""
        self._tokens, self._surplus = {}, frozenset()

    def _still_to_give_up(self) -> list[str]:
        """Leases that were given up but are still shown as this process's: a failover may have lost the change."""
        with self._lock:
            self._given_up = {
                name: token for name, token in self._given_up.items() if self._tokens.get(name, token) == token
            }
            return [name for name in self._given_up if name in self._tokens]

    def _has_waited(self, table: LeaseTable, names: frozenset[str], count: int) -> bool:
        """Whether something that others could take has been left for several beats."""
        if count >= len(names) or not names or not table.left(self.kind, names):
            self._beats_left = 0
            return False
        self._beats_left += 1
        return self._beats_left > _OVERFLOW_BEATS

    def _too_many(self, tokens: Mapping[str, int], names: frozenset[str], share: int) -> frozenset[str]:
        unknown = tokens.keys() - names
        self._unwanted_by_others &= tokens.keys()
        wanted = [name for name in tokens if name in names and name not in self._unwanted_by_others]
        wanted.sort(key=lambda name: name not in self._surplus)  # what is being finished already comes first
        return frozenset(unknown).union(wanted[: max(len(wanted) - share, 0)])


class Membership:
    """A background service. ``start`` joins the fleet; ``close`` gives up everything and leaves it."""

    def __init__(self, table: LeaseTable, member: Member, clock: Clock = SYSTEM_CLOCK) -> None:
        self.member = member
        self.clock = ServerClock(clock)
        """The clock of the database. What members store and compare is by it."""
        self._table = table
        self._clock = clock
        self._holdings: list[Holding] = []
        self._alive_until_ns = 0
        self._sees_others_from_ns = 0
        """By monotonic time."""
        self._notes: dict[str, object] = {}
        self._noted: tuple[str | None, str | None] = (None, None)
        self._clock_ahead = 0.0
        """In seconds, as it was noted last."""
        self._lock = threading.Lock()
        self._beating = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="membership", daemon=True)
        self._duty_names: frozenset[str] = frozenset()
        self._duties = (
            self.hold(DUTY, ROUTER, lambda: self._duty_names, hands_over=True) if ROUTER in member.roles else None
        )
        self._log = structlog.get_logger("fleet")

    @property
    def is_alive(self) -> bool:
        """Whether no other member can take this process for dead."""
        return self._clock.monotonic_ns() < self._alive_until_ns

    @property
    def sees_others(self) -> bool:
        """Whether a member that shows no life is gone. After an outage of the database all show none for a while."""
        return self.is_alive and self._clock.monotonic_ns() >= self._sees_others_from_ns

    def join(self) -> None:
        """Become a member, and read the clock of the database. Raises JournalError."""
        with self._beating:
            self._table.join()
        self._beat()

    def start(self) -> None:
        """Beat in a thread, unless it does. Call ``join`` first."""
        if not self._thread.is_alive():
            self._thread.start()

    def close(self) -> None:
        """Leave the fleet: others may take over at once."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive():
            with suppress(JournalError):
                self._table.leave()
            self._table.close()
        self._alive_until_ns = 0
        for holding in self._holdings:
            holding.forget()

    def hold(
        self,
        kind: str,
        role: str,
        names: Callable[[], Collection[str]],
        on_change: Callable[[], None] = lambda: None,
        *,
        hands_over: bool = False,
    ) -> Holding:
        """Have a fair share of these names among the members with that role, from the next beat on.

        ``on_change`` is called in the thread of the beats. With ``hands_over`` what is too much is given up at once;
        without it the caller finishes what ``Holding.surplus`` names, and gives it up.
        """
        holding = Holding(self, kind, role, names, on_change, hands_over=hands_over)
        self._holdings = [*self._holdings, holding]
        self.beat_soon()
        return holding

    def is_duty(self, name: str) -> bool:
        """Whether this member is the one that does what only one of the fleet does."""
        if self._duties is None:
            return False
        if name not in self._duty_names:
            self._duty_names |= {name}
            self.beat_soon()
        return self._duties.has(name)

    def note(self, *, loaded: str | None = None, active: str | None = None, **info: object) -> None:
        """Show this of the member, at the next beat."""
        with self._lock:
            self._noted = (loaded or self._noted[0], active or self._noted[1])
            self._notes |= info
        self.beat_soon()

    def beat_soon(self) -> None:
        """Do not wait for the next beat."""
        self._woken.set()

    def _work(self) -> None:
        failing = False
        while not self._stopping.is_set():
            try:
                self._beat()
                failing = False
            except JournalError as error:
                if not failing:
                    self._log.warning("lease not renewed", problem=str(error))
                failing = True
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("lease not renewed after an internal error")
            self._woken.wait(self.member.beat_seconds)
            self._woken.clear()

    def _beat(self) -> None:
        with self._beating:
            self._beat_alone()

    def _beat_alone(self) -> None:
        before_ns = self._clock.monotonic_ns()
        server_ns = self._table.beat()
        after_ns = self._clock.monotonic_ns()
        self.clock.measured(server_ns, before_ns, after_ns)
        self._note_clock()
        late_ns = after_ns - self._alive_until_ns
        if self._alive_until_ns and late_ns > 0:
            self._log.warning("lease renewed late", seconds=round(late_ns / _SECOND, 1))
            self._sees_others_from_ns = after_ns + int(_RETURN_SECONDS * _SECOND)
        self._alive_until_ns = before_ns + int(self.member.lease_seconds * _SECOND)
        for holding in self._holdings:
            holding.update(self._table)
        with self._lock:
            noted, notes, self._noted, self._notes = self._noted, self._notes, (None, None), {}
        self._table.note(loaded=noted[0], active=noted[1], info=notes)

    def _note_clock(self) -> None:
        """Show how far this machine's clock is ahead of the database's, once that has changed by a second."""
        ahead = (self._clock.wall_ns() - self.clock.wall_ns()) / _SECOND
        if abs(ahead - self._clock_ahead) >= 1:
            self._clock_ahead = ahead
            with self._lock:
                self._notes["clock_ahead"] = round(ahead, 1)
