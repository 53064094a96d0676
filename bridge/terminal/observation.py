"""Observations: what one alert says about a terminal. Commands are made from them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

import msgspec

from bridge.alert import Alert
from bridge.alert.command import COMMAND_PLACES
from bridge.alert.internal import DROP_RULE
from bridge.terminal.lines.announced import unquoted
from bridge.terminal.rules import KINDS, PREFIX, Kind

MAX_DATA = 8192
"""Bytes of one read or write. ``falco_libs.snaplen`` is at most 64 kB; a line is far shorter."""
_MAX_TEXT = 500
"""Characters of a program's command line and of a file's path."""
_MAX_LINE = 4096
_MAX_VALUE = 256
_KUBERNETES = "k8s_audit"
_OPENING = frozenset({"exec", "attach"})


class Observation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of terminal material. Numbers are 0 and texts empty where the alert does not say them."""

    kind: Kind
    identity: int
    """From the alert's id: the same alert sent twice has the same."""
    hostname: str
    time_ns: int
    number: int = 0
    """``evt.num``."""
    pid: int = 0
    pid_ts: int = 0
    """When the process was started."""
    parent: int = 0
    inner_pid: int = 0
    """The pid inside the container (``proc.vpid``)."""
    terminal: int = 0
    """``proc.tty``."""
    session: int = 0
    """``proc.sid``."""
    container: str = ""
    program: str = ""
    """``proc.name``."""
    data: bytes = b""
    cut: bool = False
    """There were more bytes than ``data``."""
    text: str = ""
    """The command line, the file, the announced line, or the user whom Kubernetes names."""
    status: int = -1
    """The exit status, as a shell shows it; -1 if it is not known."""
    place: dict[str, str] = {}  # msgspec copies it


def concerns_terminals(alert: Alert) -> bool:
    """Whether the alert is terminal material, or ``observe`` may find something in it. One question for most alerts."""
    return alert.rule.startswith(PREFIX) or alert.source == _KUBERNETES or alert.rule == DROP_RULE


def observe(alert: Alert) -> Observation | None:
    """What an alert says about a terminal; None if nothing."""
    kind = KINDS.get(alert.rule)
    if kind is not None:
        return _material(alert, kind)
    if alert.source == _KUBERNETES:
        return _audit(alert)
    if alert.rule == DROP_RULE:
        return Observation(Kind.DROP, _identity(alert), alert.hostname, alert.time_ns)
    return None


def observe_all(alerts: Iterable[Alert]) -> list[Observation]:
    """What alerts say about terminals."""
    return [found for alert in alerts if (found := observe(alert)) is not None]


def _material(alert: Alert, kind: Kind) -> Observation:
    fields = alert.fields
    data, cut = _data(fields)
    return Observation(
        kind,
        _identity(alert),
        alert.hostname,
        alert.time_ns,
        _number(fields.get("evt.num")),
        _number(fields.get("proc.pid")),
        _number(fields.get("proc.pid.ts")),
        _number(fields.get("proc.ppid")),
        _number(fields.get("proc.vpid")),
        _number(fields.get("proc.tty")),
        _number(fields.get("proc.sid")),
        fields.get("container.id", "")[:_MAX_VALUE],
        fields.get("proc.name", "")[:_MAX_VALUE],
        data,
        cut,
        _text(kind, fields),
        _status(fields) if kind is Kind.EXIT else -1,
        {} if kind is Kind.EXIT else _place(fields),
    )


def _audit(alert: Alert) -> Observation | None:
    """Who opened a session in a pod: an exec or attach that the API server recorded."""
    fields = alert.fields
    opening = fields.get("ka.target.subresource") or fields.get("ka.uri", "").partition("?")[0].rpartition("/")[2]
    user = fields.get("ka.user.name")
    pod = fields.get("ka.target.name") or fields.get("ka.target.pod.name")
    if opening not in _OPENING or not user or not pod:
        return None
    place = {"k8s.ns.name": fields.get("ka.target.namespace", ""), "k8s.pod.name": pod[:_MAX_VALUE]}
    return Observation(Kind.AUDIT, _identity(alert), alert.hostname, alert.time_ns, text=user[:_MAX_VALUE], place=place)


def _text(kind: Kind, fields: Mapping[str, str]) -> str:
    match kind:
        case Kind.EXEC:
            return fields.get("proc.cmdline", "")[:_MAX_LINE]
        case Kind.WRITE:
            return fields.get("fd.name", "")[:_MAX_TEXT]
        case Kind.ANNOUNCED:
            return unquoted(fields.get("evt.arg.name", ""))[:_MAX_LINE]
        case _:
            return ""


def _data(fields: Mapping[str, str]) -> tuple[bytes, bool]:
    """The bytes that were read or written, and whether there were more."""
    encoded = fields.get("evt.arg.data")
    if not encoded:
        return b"", _number(fields.get("evt.rawres")) > 0 and encoded is not None
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # Falco without buffer_format_base64
        return b"", True
    return data[:MAX_DATA], _number(fields.get("evt.rawres")) > len(data[:MAX_DATA])


def _status(fields: Mapping[str, str]) -> int:
    signal = _number(fields.get("evt.arg.sig"))
    if signal:
        return 128 + signal
    returned = fields.get("evt.arg.ret")
    return _number(returned) if returned else -1


def _place(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:_MAX_VALUE] for name, value in fields.items() if name.startswith(COMMAND_PLACES)}


def _number(text: str | None) -> int:
    """A number of Falco in 64 bits, as it is stored; 0 if it is missing or none."""
    if not text:
        return 0
    try:
        return max(-(2**63), min(int(text), 2**63 - 1)) if len(text) < 21 else 0
    except ValueError:
        return 0


def _identity(alert: Alert) -> int:
    try:
        return int(alert.id[-16:], 16)
    except ValueError:
        return 0
