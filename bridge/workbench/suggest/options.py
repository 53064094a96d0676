"""The options against a noisy combination: routes to put before all others, and a silence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import Priority
from bridge.language.diagnostics.source import SourceText
from bridge.language.format.formatter import format_text
from bridge.workbench.suggest.noise import Noise


class OptionKind(StrEnum):
    """The ways to quiet, the mildest first."""

    THROTTLE = "throttle"
    GROUP = "group"
    SILENCE = "silence"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Option:
    """One way to quiet a combination."""

    kind: OptionKind
    condition: str
    """The combination as a condition."""
    text: str
    """The routes; empty for a silence."""


def options_for(noise: Noise, number: int) -> list[Option]:
    """The ways to quiet it, the mildest of each kind first.

    Channels for machines continue to receive all of its alerts. Alerts of priority critical and above are not dropped.
    """
    condition = condition_of(noise.fields())
    channels, machines = tuple(sorted(noise.channels)), noise.machines
    fixed = noise.combination
    keys = [
        *(["k8s.pod.name"] if noise.in_pods and not fixed.pod else []),
        *(["k8s.ns.name"] if noise.in_pods and not fixed.namespace else []),
        *([] if noise.in_pods else ["hostname"]),
    ]
    clauses = [(OptionKind.THROTTLE, f"throttle 1 per 1h by {key}") for key in keys]
    clauses += [(OptionKind.THROTTLE, "throttle 1 per 1h"), (OptionKind.GROUP, "group by rule wait 5m every 1h")]
    options = [
        Option(kind, condition, _routes(number, condition, channels, machines, clause)) for kind, clause in clauses
    ]
    options.append(Option(OptionKind.SILENCE, condition, ""))
    if noise.worst > Priority.CRITICAL:
        options.append(Option(OptionKind.DROP, condition, _routes(number, condition, (), machines, "")))
    return options


def condition_of(fields: dict[str, str]) -> str:
    """The condition that these values meet."""
    return " and ".join(f"{name} = {quoted(value)}" for name, value in fields.items())


def quoted(text: str) -> str:
    r"""The text as a string of the language: what is not printable becomes ``\xHH``."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char == '"':
        return '\\"'
    if char.isprintable() and char != "\\":  # a backslash before the closing quote would escape that for Falco
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))


def _routes(number: int, condition: str, channels: tuple[str, ...], machines: tuple[str, ...], clause: str) -> str:
    """The routes, as ``fmt`` prints them. Channels for machines receive every alert, as before."""
    name = f"quiet {number}"
    recorded = f'route "{name}, recorded" {{ when {condition} to {", ".join(machines)}' if machines else ""
    if channels:
        last = f'route "{name}" {{ when {condition} to {", ".join(channels)} {clause} stop }}\n'
        text = (f"{recorded} }}\n" if machines else "") + last
    elif machines:
        text = f"{recorded} stop }}\n"
    else:
        text = f'route "{name}" {{ when {condition} drop }}\n'
    formatted = format_text(SourceText("suggestion", text))
    return formatted if isinstance(formatted, str) else text
