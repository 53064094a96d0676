"""All shells and sessions: from observations in order to commands."""

from __future__ import annotations

import msgspec

from bridge.terminal.command import Command
from bridge.terminal.lines.announced import split_number
from bridge.terminal.lines.shell_line import Origin, ShellLine, TypedLine
from bridge.terminal.observation import Observation
from bridge.terminal.rules import Kind
from bridge.terminal.sessions.pending import SETTLE_NS, Pending
from bridge.terminal.sessions.session import Session, SessionKey, is_typed_at, key_of
from bridge.terminal.sessions.users import Users

MAX_SHELLS = 10_000
MAX_SESSIONS = 10_000
LONGEST_LINE_NS = 3_600_000_000_000
"""What was painted of a line is not held longer."""
_MAX_NODES = 10_000
_LOST_AROUND_NS = 2_000_000_000
_LONGEST_DUE_NS = 2 * SETTLE_NS
"""A command that is due later was typed before the clock was set back."""
_YOUNG_NS = 10_000_000_000
_PROMPT = b"\x1b[?2004h"
_SCROLLING = frozenset({"ksh", "ksh93", "mksh"})

_ShellKey = tuple[str, str, int, int]


class Shell(msgspec.Struct):
    """One shell process."""

    line: ShellLine
    session: SessionKey
    name: str
    place: dict[str, str]
    editing_since_ns: int = 0
    """By the bridge's clock; 0 while no line is being typed."""


class Sessions(msgspec.Struct):
    """The state of all shells and sessions. The longest unused come first, and go first."""

    shells: dict[_ShellKey, Shell] = {}  # msgspec copies it
    sessions: dict[SessionKey, Session] = {}  # msgspec copies it
    open: dict[SessionKey, None] = {}  # msgspec copies it
    """The sessions with commands that may still change."""
    users: Users = msgspec.field(default_factory=Users)
    lost: dict[str, int] = {}  # msgspec copies it
    """When Falco last reported lost events, by node."""

    def use(self, observation: Observation, now_ns: int, *, late: bool = False) -> list[Command]:
        """Use the next observation. Returns the commands that it finishes.

        ``now_ns`` is the clock by which commands are settled. ``late``: a later event of its node was used before.
        """
        finished: list[Command] = []
        match observation.kind:
            case Kind.AUDIT:
                place = observation.place
                self.users.add(place["k8s.ns.name"], place["k8s.pod.name"], observation.time_ns, observation.text)
            case Kind.DROP:
                self._lost_events(observation)
            case Kind.EXIT:
                self._exit(observation, now_ns, finished)
            case Kind.EXEC:
                self._exec(observation, now_ns, finished)
            case Kind.WRITE:
                self._write(observation, now_ns, finished)
            case Kind.ANNOUNCED:
                self._announced(observation, now_ns, finished)
            case _:
                self._line(observation, now_ns, finished, late=late)
        return finished

    def settle(self, now_ns: int | None = None) -> list[Command]:
        """Finish the commands that are due, or all of them."""
        finished: list[Command] = []
        for key in list(self.open):
            session = self.sessions[key]
            for pid, pending in list(session.pending.items()):
                if now_ns is None or not now_ns < pending.due_ns <= now_ns + _LONGEST_DUE_NS:
                    self._close(session, pid, finished)
        return finished

    def end(self, now_ns: int) -> list[Command]:
        """Nothing follows. Returns the commands that might have changed."""
        finished: list[Command] = []
        for key, shell in self.shells.items():
            self._end_line(key[2], shell, now_ns, finished)
        return finished + self.settle()

    def forget_old_lines(self, now_ns: int) -> None:
        """Remove what was painted of lines that are not finished after an hour."""
        for shell in self.shells.values():
            shell.editing_since_ns = min(shell.editing_since_ns, now_ns)  # the clock may have been set back
            if shell.editing_since_ns and shell.editing_since_ns <= now_ns - LONGEST_LINE_NS:
                shell.line.forget()
                shell.editing_since_ns = now_ns

    def _line(self, observation: Observation, now_ns: int, finished: list[Command], *, late: bool) -> None:
        """A shell read or painted something."""
        session = self._session(observation, finished)
        shell = self._shell(session, observation)
        line, time_ns, number = shell.line, observation.time_ns, observation.number
        match observation.kind:
            case Kind.KEY:
                ended = line.read_key(time_ns)
            case Kind.END:
                ended = line.read_end(time_ns, number, observation.data)
            case Kind.LINE:
                ended = line.read_line(time_ns, number, observation.data, cut=observation.cut)
            case _:
                ended = line.paint(time_ns, number, observation.data, cut=observation.cut)
                if not ended and _PROMPT in observation.data and observation.pid in session.pending:
                    session.pending[observation.pid].prompted(now_ns)
        line.doubtful |= late
        if line.editing != bool(shell.editing_since_ns):
            shell.editing_since_ns = now_ns if line.editing else 0
        for each in ended:
            self._begin(session, observation.pid, shell, each, now_ns, finished)

    def _begin(
        self, session: Session, pid: int, shell: Shell, line: TypedLine, now_ns: int, finished: list[Command]
    ) -> None:
        """A line was typed: the previous command of its shell is finished."""
        pending = Pending(line, pid, shell.name, shell.place, now_ns + SETTLE_NS)
        lost_ns = self.lost.get(session.key[0])
        if lost_ns is not None and abs(line.time_ns - lost_ns) <= _LOST_AROUND_NS:
            pending.doubt()
        self._open(session, pending, finished)

    def _open(self, session: Session, pending: Pending, finished: list[Command]) -> None:
        if pending.pid in session.pending:
            self._close(session, pending.pid, finished)
        session.pending[pending.pid] = pending
        self.open[session.key] = None

    def _close(self, session: Session, pid: int, finished: list[Command]) -> None:
        """The command of that shell is finished."""
        pending = session.pending.pop(pid)
        if not session.pending:
            self.open.pop(session.key, None)
        place = pending.place
        users: tuple[str, ...] = ()
        if session.leader_ns:  # else it is not known when the session began, and who opened it
            users = self.users.of(place.get("k8s.ns.name", ""), place.get("k8s.pod.name", ""), session.leader_ns)
        finished.append(session.command(pending, users))

    def _exec(self, observation: Observation, now_ns: int, finished: list[Command]) -> None:
        """A program was started."""
        session = self._session(observation, finished)
        self._end_hidden(session, observation, now_ns, finished)
        owner = session.owner(observation)
        if owner is None and not is_typed_at(observation) and session.may_stand_alone(observation):
            owner = self._alone(session, observation, observation.parent, now_ns, finished)
        if owner is not None:
            directly = observation.parent not in session.programs
            owner.ran_program(observation.pid, observation.text, directly=directly)
        session.started(observation)

    def _write(self, observation: Observation, now_ns: int, finished: list[Command]) -> None:
        """A shell opened a file for writing, or was forked to start a program that writes to it."""
        session = self._session(observation, finished)
        self._end_hidden(session, observation, now_ns, finished)
        owner = session.owner(observation)
        if owner is None and session.may_stand_alone(observation):
            owner = self._alone(session, observation, observation.pid, now_ns, finished)
            owner.pids.append(observation.pid)
        if owner is not None:
            owner.wrote_file(observation.text)

    def _alone(
        self, session: Session, observation: Observation, pid: int, now_ns: int, finished: list[Command]
    ) -> Pending:
        """A command that is known only by its program or file."""
        text = observation.text if observation.kind is Kind.EXEC else ""
        confidence = 1.0 if text else 0.5
        line = TypedLine(observation.time_ns, observation.number, text, "", Origin.EXECVE, confidence)
        pending = Pending(line, pid, observation.program, observation.place, now_ns + SETTLE_NS)
        self._open(session, pending, finished)
        return pending

    def _end_hidden(self, session: Session, observation: Observation, now_ns: int, finished: list[Command]) -> None:
        """A shell that starts something has ended its line, also one that it did not paint."""
        for pid in (observation.pid, observation.parent):
            shell = self._known_shell(session, pid)
            if shell is not None:
                for line in shell.line.end_hidden():
                    self._begin(session, pid, shell, line, now_ns, finished)

    def _announced(self, observation: Observation, now_ns: int, finished: list[Command]) -> None:
        """Bash named the line that it is about to run. A process that it forks for that does it."""
        session = self._session(observation, finished)
        pid = observation.pid
        if pid not in session.pending and self._known_shell(session, pid) is None:
            pid = observation.parent
        number, text = split_number(observation.text)
        repeated = bool(number) and session.announced.get(pid) == number
        session.announce(pid, number)
        pending = session.pending.get(pid)
        if pending is not None and pending.is_typed and not pending.announced:
            if not repeated and text:
                pending.announce(text)
        elif text:
            # A line that history leaves out has the number of the line before it.
            confidence = 0.5 if repeated else 0.9
            line = TypedLine(observation.time_ns, observation.number, text, "", Origin.ANNOUNCED, confidence)
            pending = Pending(line, pid, observation.program, observation.place, now_ns + SETTLE_NS, announced=True)
            self._open(session, pending, finished)

    def _exit(self, observation: Observation, now_ns: int, finished: list[Command]) -> None:
        """A process ended: a program, a shell, or the process that leads the session."""
        session = self.sessions.get(key_of(observation))
        if session is None:
            return
        pid = observation.pid
        for pending in session.pending.values():
            pending.ended(pid, observation.status)
        session.programs.pop(pid, None)
        shell = self._known_shell(session, pid)
        if shell is not None:
            self._end_line(pid, shell, now_ns, finished)
            self._remove_shell(session, pid)
        if pid in session.pending:
            self._close(session, pid, finished)
        if observation.session in (pid, observation.inner_pid):
            self._end_session(session, finished)

    def _end_line(self, pid: int, shell: Shell, now_ns: int, finished: list[Command]) -> None:
        session = self.sessions.get(shell.session)
        if session is not None:
            for line in shell.line.settle():
                self._begin(session, pid, shell, line, now_ns, finished)

    def _end_session(self, session: Session, finished: list[Command]) -> None:
        for pid in list(session.pending):
            self._close(session, pid, finished)
        for pid in list(session.shells):
            self._remove_shell(session, pid)
        del self.sessions[session.key]

    def _session(self, observation: Observation, finished: list[Command]) -> Session:
        """The session of an observation. It becomes the latest used."""
        key = key_of(observation)
        session = self.sessions.get(key)
        if session is not None and session.is_followed_by(observation):
            self._end_session(session, finished)
            session = None
        session = self.sessions.pop(key) if session is not None else Session.opened(observation)
        session.see_leader(observation)
        self.sessions[key] = session
        if len(self.sessions) > MAX_SESSIONS:
            self._end_session(next(iter(self.sessions.values())), finished)
        return session

    def _shell(self, session: Session, observation: Observation) -> Shell:
        """The shell of an observation. It becomes the latest used."""
        key = (observation.hostname, observation.container, observation.pid, observation.pid_ts)
        shell = self.shells.pop(key, None)
        if shell is None:
            is_young = 0 <= observation.time_ns - observation.pid_ts <= _YOUNG_NS
            line = ShellLine(unsure=not is_young, scrolls=observation.program in _SCROLLING)
            shell = Shell(line, session.key, observation.program, observation.place)
            session.shells[observation.pid] = observation.pid_ts
        elif observation.place:
            shell.place = observation.place
        self.shells[key] = shell
        if len(self.shells) > MAX_SHELLS:
            oldest = next(iter(self.shells))
            removed = self.shells.pop(oldest)
            owner = self.sessions.get(removed.session)
            if owner is not None:
                owner.shells.pop(oldest[2], None)
        return shell

    def _known_shell(self, session: Session, pid: int) -> Shell | None:
        started_ns = session.shells.get(pid)
        return None if started_ns is None else self.shells.get((session.key[0], session.key[1], pid, started_ns))

    def _remove_shell(self, session: Session, pid: int) -> None:
        started_ns = session.shells.pop(pid, None)
        if started_ns is not None:
            self.shells.pop((session.key[0], session.key[1], pid, started_ns), None)

    def _lost_events(self, observation: Observation) -> None:
        """Falco lost events on a node: what is typed there at this time is in doubt."""
        self.lost.pop(observation.hostname, None)
        self.lost[observation.hostname] = observation.time_ns
        if len(self.lost) > _MAX_NODES:
            del self.lost[next(iter(self.lost))]
        for shell in self.shells.values():
            if shell.session[0] == observation.hostname:
                shell.line.doubtful = True
        for key in self.open:
            for pending in self.sessions[key].pending.values() if key[0] == observation.hostname else ():
                pending.doubt()
