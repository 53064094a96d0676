"""Brings a changed program to a fleet: it is used once every bridge that decides has loaded it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing

import structlog

from bridge.journal.membership import Membership
from bridge.journal.revisions import FleetSession, Revisions

JOIN_SECONDS = 60.0
"""How long a bridge that starts with another program waits for the others to load it: files may arrive there later."""
RESTART_SECONDS = 5.0
"""The same for one that has replaced another process, and waited before: its senders wait meanwhile."""
_POLL_SECONDS = 0.2


class Rollout:
    """The program that this bridge uses, and the one that it has loaded. Thread-safe."""

    def __init__(self, membership: Membership, digest: str) -> None:
        """``digest`` is that of the program in use."""
        self.used = digest
        self.waits_for: tuple[str, ...] = ()
        """The bridges that have not loaded the program that this one has loaded, or uses."""
        self.waits_since_ns = 0
        self.use_loaded: Callable[[], bool] = lambda: True
        """Uses the loaded program. Returns whether it is used; it is called again otherwise."""
        self._membership = membership
        self._loaded = digest
        self._active = threading.Event()
        self._log = structlog.get_logger("fleet")
        membership.note(loaded=digest, active=digest)

    @property
    def problem(self) -> str:
        """Why the loaded program is not that of the fleet; empty if it is."""
        if not self.waits_for:
            return ""
        others = ", ".join(self.waits_for)
        if self._loaded == self.used:
            return f"other bridges of the fleet have other routes: {others}"
        return f"the changed routes are loaded, and used once the other bridges have loaded them: {others}"

    def is_new(self, digest: str) -> bool:
        """Whether it is another program than the one in use. If not, nothing waits for the fleet any more."""
        if digest != self.used:
            return True
        self._load(digest)
        return False

    def propose(self, digest: str, seconds: float) -> bool:
        """This bridge has loaded the program. Returns whether all others have within so many seconds."""
        self._load(digest)
        return self._active.wait(seconds)

    def adopted(self, digest: str) -> None:
        """The program is in use."""
        self.used = digest
        self._membership.note(active=digest)

    def note_problem(self, problem: str) -> None:
        """Show every bridge why this one does not use what is on its disk; empty once it does."""
        self._membership.note(reload=problem)

    def follow(self, found: Revisions, session: FleetSession) -> None:
        """Called often. Makes what all have loaded the program of the fleet, and uses it. Raises JournalError."""
        loaded = self._loaded
        if found.active != loaded and not (self._membership.sees_others and session.activate(loaded)):
            waits_for = tuple(session.waits_for(loaded))
            if waits_for and waits_for != self.waits_for:
                self._log.info(
                    "routes waiting for other bridges", loaded=loaded, used=self.used, bridges=list(waits_for)
                )
            if not self.waits_for:
                self.waits_since_ns = time.time_ns()
            self.waits_for = waits_for
            return
        self.waits_for = ()
        if loaded == self._loaded and loaded != self.used:
            self._active.set()
            self.use_loaded()

    def _load(self, digest: str) -> None:
        self._active.clear()
        self._loaded = digest
        self.waits_for = ()
        self._membership.note(loaded=digest)


def await_program(
    membership: Membership, open_session: Callable[[], FleetSession], digest: str, seconds: float = JOIN_SECONDS
) -> None:
    """Wait until the program of a bridge that starts is that of the fleet. Raises JournalError.

    Where the others do not load it in that time, it is used beside theirs.
    """
    with closing(open_session()) as session:
        membership.note(loaded=digest)
        others = _await(session, digest, seconds, lambda: session.activate(digest), lambda: session.waits_for(digest))
    if others is not None:
        structlog.get_logger("fleet").warning(
            "other bridges have other routes", program=digest, bridges=others,
            remedy="give all bridges of a fleet the same routes",
        )  # fmt: skip


def await_others(
    open_session: Callable[[], FleetSession], digest: str, replaced: Collection[str], seconds: float = JOIN_SECONDS
) -> None:
    """Wait until all bridges but ``replaced`` have loaded the program of a process that will replace one of these.

    It is no member yet. Raises JournalError.
    """
    with closing(open_session()) as session:

        def others() -> list[str]:
            return [each for each in session.waits_for(digest) if each not in replaced]

        _await(session, digest, seconds, lambda: not others(), others)


def _await(
    session: FleetSession, digest: str, seconds: float, is_ready: Callable[[], bool], others: Callable[[], list[str]]
) -> list[str] | None:
    """Wait until the fleet uses the program, or ``is_ready``. Returns the bridges that are missing in the end."""
    deadline = time.monotonic() + seconds
    shown: list[str] = []
    while session.read().active != digest and not is_ready():
        missing = others()
        if missing != shown:
            structlog.get_logger("fleet").info(
                "waiting for other bridges to load these routes", program=digest, bridges=missing
            )
            shown = missing
        if time.monotonic() >= deadline:
            return missing
        time.sleep(_POLL_SECONDS)
    return None
