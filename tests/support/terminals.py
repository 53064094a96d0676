"""Terminals for tests: recorded sessions, and shells that paint a line as bash does and give the alerts of it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.forms.json_form import decode_json
from bridge.terminal.command import Command
from bridge.terminal.lines.shell_line import Origin

DATA = Path(__file__).parent.parent / "data" / "terminal"
RECORDINGS = ("bash-80", "bash-200", "zsh-80", "dash-80", "ash-80", "mksh-80")
PAINT, KEY = "fb: shell painted its terminal", "fb: key read in a terminal"
END, LINE = "fb: line ended in a terminal", "fb: line read from a terminal"
EXEC, WRITE = "fb: command started in a terminal", "fb: shell opened a file for writing"
EXIT, ANNOUNCED = "fb: program at a terminal ended", "fb: command announced by its shell"
SECOND = 1_000_000_000
START = 1_795_790_000 * SECOND


def recording(name: str) -> list[Alert]:
    """The alerts of a recorded session."""
    with gzip.open(DATA / f"{name}.alerts.jsonl.gz") as lines:
        return [found for line in lines if isinstance(found := decode_json(line, 0), Alert)]


@dataclass(frozen=True)
class Score:
    """How many lines were found, of how many that were typed, and how many that were not typed."""

    exact: int
    typed: int
    others: int


def score(name: str, commands: Iterable[Command]) -> Score:
    """The longest common subsequence of what was typed and what was found."""
    expected = json.loads((DATA / f"{name}.expected.json").read_text(encoding="utf-8"))
    typed = [
        {_marked(text, aborted=each["aborted"]) for text in (each["text"], *each["also"])} for each in expected["lines"]
    ]
    found = [
        _marked(each.text, aborted=each.aborted)
        for each in sorted(commands, key=lambda command: command.time_ns)
        if not each.hidden_keys and each.origin is not Origin.EXECVE
    ]
    row = [0] * (len(found) + 1)
    for texts in reversed(typed):
        before, row = row, [0] * (len(found) + 1)
        for index in range(len(found) - 1, -1, -1):
            row[index] = before[index + 1] + 1 if found[index] in texts else max(before[index], row[index + 1])
    return Score(row[0], len(typed), len(found) - row[0])


def _marked(text: str, *, aborted: bool) -> str:
    return (("^C " if aborted else "") + text).rstrip()


def secrets(name: str) -> list[str]:
    """What was typed without an echo, or into programs: it must appear nowhere."""
    expected = json.loads((DATA / f"{name}.expected.json").read_text(encoding="utf-8"))
    return [*expected["typed_secrets"], *expected["typed_to_children"]]


@dataclass
class Typist:
    """A bash at a terminal, which paints what is typed as readline does. Collects the alerts of it."""

    pod: str = "api-0"
    hostname: str = "node-a"
    container: str = "c0ffee"
    pid: int = 100
    terminal: int = 34816
    session: int = 100
    width: int = 0
    """Readline wraps at this column; 0 is a terminal that is wide enough."""
    prompt: str = "$ "
    program: str = "bash"
    bracketed: bool = True
    started_ns: int = START
    user: str = "root"
    now_ns: int = 0
    number: int = 0
    alerts: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now_ns = self.now_ns or self.started_ns

    def emit(self, rule: str, *, wait_ns: int = 1_000_000, **values: object) -> Alert:
        """One alert of a rule; ``values`` are fields with ``_`` for ``.``."""
        self.now_ns += wait_ns
        self.number += 7
        fields = {
            "evt.num": self.number, "proc.name": self.program, "proc.pid": self.pid, "proc.pid.ts": self.started_ns,
            "proc.ppid": 1, "proc.vpid": self.pid, "proc.tty": self.terminal, "proc.sid": self.session,
            "user.name": self.user, "container.id": self.container, "k8s.ns.name": "prod", "k8s.pod.name": self.pod,
        } | {name.replace("_", "."): value for name, value in values.items()}  # fmt: skip
        made = make_alert(
            time_ns=self.now_ns, priority=Priority.INFORMATIONAL, rule=rule, source="syscall", hostname=self.hostname,
            tags=("falco-bridge", "terminal"), output="", fields={name: str(value) for name, value in fields.items()},
        )  # fmt: skip
        self.alerts.append(made)
        return made

    def paint(self, data: bytes | str) -> None:
        """The shell writes to its terminal."""
        data = data.encode() if isinstance(data, str) else data
        self.emit(PAINT, evt_arg_data=base64.b64encode(data).decode(), evt_rawres=len(data))

    def start(self) -> None:
        """The shell is started and shows its prompt."""
        self.emit(EXEC, proc_cmdline=f"{self.program} -i")
        self.show_prompt()

    def show_prompt(self) -> None:
        """The prompt, as bash 5 paints it."""
        if self.bracketed:
            self.paint("\x1b[?2004h")
        self.paint(self.prompt)

    def key(self, painted: bytes | str) -> None:
        """A key is read, and something is painted for it."""
        self.emit(KEY)
        if painted:
            self.paint(painted)

    def write_text(self, text: str, column: int) -> int:
        """Each character is typed at the end of the line. Returns the column behind it."""
        for character in text:
            column += 1
            self.key(f"{character} \r" if self.width and column % self.width == 0 else character)
        return column

    def end(self, character: bytes = b"\r") -> None:
        """Enter is read."""
        self.emit(END, evt_arg_data=base64.b64encode(character).decode(), evt_rawres=1)

    def enter(self) -> None:
        """Enter is read, and the line ends on the screen."""
        self.end()
        self.paint("\n")
        if self.bracketed:
            self.paint("\x1b[?2004l\r")

    def type(self, text: str) -> None:
        """Type a whole line, with Enter."""
        self.write_text(text, len(self.prompt))
        self.enter()

    def run(self, command_line: str, pid: int, **values: object) -> None:
        """The shell starts a program."""
        given = {"proc_ppid": self.pid, "proc_pid_ts": self.now_ns, "proc_vpid": pid} | values
        self.emit(EXEC, proc_cmdline=command_line, proc_name=command_line.split(maxsplit=1)[0], proc_pid=pid, **given)

    def write_file(self, path: str, **values: object) -> None:
        """The shell opens a file for writing."""
        self.emit(WRITE, fd_name=path, **values)

    def exit(self, pid: int | None = None, status: int = 0) -> None:
        """The shell or one of its programs ends."""
        self.emit(EXIT, proc_pid=pid or self.pid, proc_vpid=pid or self.pid, evt_arg_ret=status)


def audited(user: str, time_ns: int, pod: str = "api-0") -> Alert:
    """Kubernetes recorded an exec."""
    return make_alert(
        time_ns=time_ns, priority=Priority.NOTICE, rule="Attach/Exec Pod", source="k8s_audit", hostname="audit",
        tags=(), output="", fields={"ka.user.name": user, "ka.target.name": pod, "ka.target.namespace": "prod",
                                    "ka.target.subresource": "exec", "ka.verb": "create"},
    )  # fmt: skip


def in_batches(alerts: Sequence[Alert], size: int) -> Iterator[Sequence[Alert]]:
    """The alerts as a source passes them on."""
    for start in range(0, len(alerts), size):
        yield alerts[start : start + size]
