"""Reads commands: from recordings of terminals, or from a journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from bridge.alert import Alert
from bridge.alert.alert import clock_text
from bridge.common.clocks.times import iso_text
from bridge.terminal.derived import SEPARATOR, alert_of, is_command
from bridge.terminal.terminals import commands_of
from bridge.workbench.alert_files import Line, read_alerts, read_recording

COLUMNS = (
    "session", "time", "text", "aborted", "hidden_keys", "source", "confidence", "ran", "wrote", "exit",
    "node", "namespace", "pod", "container", "user", "who", "shell", "id",
)  # fmt: skip
"""The members of a command as JSON, and the columns of CSV."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which commands are wanted, by place and user. None is every one."""

    pod: str | None = None
    """``NAMESPACE/POD``, or the name alone."""
    node: str | None = None
    user: str | None = None
    """The user of the shell, the user who logged in, or who opened the session by Kubernetes audit."""
    session: str | None = None
    """The beginning of the session's id."""

    def takes(self, alert: Alert) -> bool:
        """Whether the command is wanted."""
        fields = alert.fields
        if self.node is not None and alert.hostname != self.node:
            return False
        if self.pod is not None:
            pod = fields.get("k8s.pod.name", "")
            if self.pod not in {pod, f"{fields.get('k8s.ns.name', '')}/{pod}"}:
                return False
        if self.session is not None and not fields.get("cmd.session", "").startswith(self.session):
            return False
        return self.user is None or self.user in _users(alert)


def read_commands(paths: Sequence[str]) -> Iterator[Alert]:
    """The commands in recordings, as alerts, in the order in which they were typed. Raises AlertFileError.

    A file of alerts that the bridge made of commands gives them as they are.
    """
    made: list[Alert] = []
    material: list[Alert] = []
    for path in paths:
        for each in read_alerts(path, read_recording):
            if isinstance(each, Line):
                (made if is_command(each.alert) else material).append(each.alert)
    found = {alert.id: alert for alert in (*made, *map(alert_of, commands_of(material)))}
    yield from sorted(found.values(), key=lambda alert: (alert.time_ns, alert.id))


def command_record(alert: Alert) -> dict[str, object]:
    """A command as JSON. A number that is missing or was redacted is None."""
    fields = alert.fields
    return {
        "session": fields.get("cmd.session", ""),
        "time": iso_text(alert.time_ns),
        "text": fields.get("cmd.text", ""),
        "aborted": fields.get("cmd.aborted") == "true",
        "hidden_keys": _whole(fields.get("cmd.hidden_keys", "0")),
        "source": fields.get("cmd.source", ""),
        "confidence": confidence_of(alert),
        "ran": _items(fields.get("cmd.ran")),
        "wrote": _items(fields.get("cmd.wrote")),
        "exit": _whole(fields.get("cmd.exit")),
        "node": alert.hostname,
        "namespace": fields.get("k8s.ns.name"),
        "pod": fields.get("k8s.pod.name"),
        "container": fields.get("container.name") or fields.get("container.id"),
        "user": fields.get("user.name"),
        "who": _items(fields.get("cmd.who")),
        "shell": fields.get("proc.name", ""),
        "id": alert.id,
    }


def clock(alert: Alert) -> str:
    """The time of day of a command, in UTC."""
    return clock_text("evt.time.s", alert.time_ns)


def confidence_of(alert: Alert) -> float | None:
    """The confidence of a command; None if it is missing or was redacted."""
    try:
        found = float(alert.fields.get("cmd.confidence", ""))
    except ValueError:
        return None
    return found if isfinite(found) else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None


def _users(alert: Alert) -> set[str]:
    fields = alert.fields
    names = {fields.get("user.name", ""), fields.get("user.loginname", ""), *_items(fields.get("cmd.who"))}
    return names - {""}


def _items(text: str | None) -> list[str]:
    return text.split(SEPARATOR) if text else []
