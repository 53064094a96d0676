"""A session at a terminal: its shells, and the commands to which programs and files may still be added."""

from __future__ import annotations

import msgspec

from bridge.terminal.command import Command, command_id, session_id
from bridge.terminal.observation import Observation
from bridge.terminal.rules import SHELLS
from bridge.terminal.sessions.pending import Pending

SessionKey = tuple[str, str, int, int]
"""Node, container, terminal and number of a session. Several sessions have the same one after the other."""
_MAX_PROGRAMS = 256
_MAX_SHELLS = 256
_MAX_ALONE = 50
_ALONE_NS = 60_000_000_000
"""Programs without a known line that become commands, per minute of a session."""


class Session(msgspec.Struct):
    """One session: a terminal and what runs at it."""

    id: str
    key: SessionKey
    started_ns: int
    leader_ns: int = 0
    """When the process that leads the session was started; 0 while that is not known."""
    pending: dict[int, Pending] = {}  # msgspec copies it
    """By the pid of their shell, in the order in which they were typed."""
    programs: dict[int, int] = {}  # msgspec copies it
    """The pids of programs, each with the shell that started it."""
    announced: dict[int, int] = {}  # msgspec copies it
    """The number of the last line that each shell announced."""
    shells: dict[int, int] = {}  # msgspec copies it
    """The pids of shells that are observed, each with the time at which it was started."""
    alone: int = 0
    alone_since_ns: int = 0

    @classmethod
    def opened(cls, first: Observation) -> Session:
        """The session of its first observation."""
        leader_ns = first.pid_ts if leads(first) else 0
        started_ns = leader_ns or first.pid_ts or first.time_ns
        identity = session_id(first.hostname, first.container, first.terminal, first.session, started_ns)
        return cls(identity, key_of(first), started_ns, leader_ns)

    def see_leader(self, observation: Observation) -> None:
        """Note when the process that leads the session was started, if the observation is of that process."""
        if not self.leader_ns and leads(observation):
            self.leader_ns = observation.pid_ts

    def is_followed_by(self, observation: Observation) -> bool:
        """Whether the observation is of another session, which got the same numbers."""
        return bool(self.leader_ns and observation.pid_ts and leads(observation)) and (
            observation.pid_ts != self.leader_ns
        )

    def owner(self, observation: Observation) -> Pending | None:
        """The command that a program or a file belongs to, if there is one.

        It is that of the process or of its parent, else the last one of the session. Where no line is known, each
        program that a shell starts is a command of its own.
        """
        shell = self.programs.get(observation.parent, observation.parent)
        found = self.pending.get(observation.pid) or self.pending.get(shell)
        if found is None:
            last = next(reversed(self.pending.values())) if self.pending else None
            return last if last is not None and last.is_typed else None
        if found.is_typed or observation.pid in found.pids or observation.parent in self.programs:
            return found
        return None

    def announce(self, pid: int, number: int) -> None:
        """A shell announced the line with this number."""
        self.announced[pid] = number
        if len(self.announced) > _MAX_SHELLS:
            del self.announced[next(iter(self.announced))]

    def started(self, observation: Observation) -> None:
        """Remember which shell a program belongs to. A shell that is typed at belongs to none."""
        self.programs.pop(observation.pid, None)
        if is_typed_at(observation):
            return
        self.programs[observation.pid] = self.programs.get(observation.parent, observation.parent)
        if len(self.programs) > _MAX_PROGRAMS:
            del self.programs[next(iter(self.programs))]

    def may_stand_alone(self, observation: Observation) -> bool:
        """Whether a program without a known line becomes a command: neither what a script runs, nor too many."""
        if observation.parent in self.programs or observation.pid in self.programs:
            return False
        if observation.time_ns - self.alone_since_ns > _ALONE_NS:
            self.alone, self.alone_since_ns = 0, observation.time_ns
        self.alone += 1
        return self.alone <= _MAX_ALONE

    def command(self, pending: Pending, users: tuple[str, ...]) -> Command:
        """The finished command."""
        line = pending.line
        return Command(
            id=command_id(self.id, pending.pid, line.time_ns, line.number),
            session=self.id,
            session_started_ns=self.started_ns,
            time_ns=line.time_ns,
            hostname=self.key[0],
            text=line.text,
            prompt=line.prompt,
            shell=pending.shell,
            pid=pending.pid,
            terminal=self.key[2],
            origin=line.origin,
            confidence=line.confidence,
            aborted=line.aborted,
            hidden_keys=line.hidden_keys,
            ran=tuple(pending.ran),
            wrote=tuple(pending.wrote),
            exit=None if pending.exit < 0 else pending.exit,
            users=users,
            place=pending.place,
        )


def key_of(observation: Observation) -> SessionKey:
    """The key of the observation's session."""
    return (observation.hostname, observation.container, observation.terminal, observation.session)


def leads(observation: Observation) -> bool:
    """Whether the process leads its session. Inside a container, sessions have the container's numbers."""
    return bool(observation.session) and observation.session in (observation.pid, observation.inner_pid)


def is_typed_at(observation: Observation) -> bool:
    """Whether a program that was started is a shell that reads commands from its terminal."""
    if observation.program not in SHELLS:
        return False
    words = observation.text.split()[1:]
    if observation.program == "busybox":
        words = words[1:]
    return not any(word == "-c" or not word.startswith(("-", "+")) for word in words)
