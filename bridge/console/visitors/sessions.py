"""The visitors who have signed in: a random text in a cookie stands for each, for a limited time."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.console.visitors.people import Person

_MOST_SESSIONS = 1000


@dataclass
class Sessions:
    """Sessions in memory. They end after ``seconds``, and with the process."""

    seconds: float = 43_200.0
    clock: Callable[[], float] = time.monotonic
    _sessions: OrderedDict[str, tuple[Person, float]] = field(default_factory=OrderedDict, repr=False)
    """Those that end first come first."""

    def begin(self, person: Person) -> str:
        """A new session. The oldest one ends if there are too many."""
        self._remove_ended()
        session = secrets.token_urlsafe(32)
        self._sessions[session] = (person, self.clock() + self.seconds)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def person(self, session: str) -> Person | None:
        """Who began the session. None if there is no such session, or if it has ended."""
        self._remove_ended()
        found = self._sessions.get(session)
        return None if found is None else found[0]

    def end(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(session, None)

    def _remove_ended(self) -> None:
        now = self.clock()
        while self._sessions and next(iter(self._sessions.values()))[1] <= now:
            self._sessions.popitem(last=False)
