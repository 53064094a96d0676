"""Suggestions for misspelt names: "did you mean …"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MAX_LENGTH = 80
_MIN_PREFIX = 3
_FALCO_NAMES = {
    "cmdline": "proc.cmdline", "container": "container.name", "image": "container.image.repository",
    "k8s.namespace": "k8s.ns.name", "k8s.namespace.name": "k8s.ns.name", "k8s.ns": "k8s.ns.name",
    "k8s.pod": "k8s.pod.name", "message": "output", "namespace": "k8s.ns.name", "pod": "k8s.pod.name",
    "proc.cmd": "proc.cmdline", "process": "proc.name", "process.name": "proc.name", "severity": "priority",
    "user": "user.name", "kubernetes.namespace": "k8s.ns.name", "kubernetes.namespace.name": "k8s.ns.name",
    "kubernetes.namespace_name": "k8s.ns.name", "kubernetes.pod": "k8s.pod.name", "kubernetes.pod.name": "k8s.pod.name",
    "kubernetes.pod_name": "k8s.pod.name", "process.cmdline": "proc.cmdline", "process.command_line": "proc.cmdline",
    "process.executable": "proc.exepath", "process.pid": "proc.pid", "process.parent.name": "proc.pname",
    "container.image.name": "container.image.repository", "user.username": "user.name",
}  # fmt: skip
"""The names of fields in other tools, and Falco's names for them."""


_PREFIXES = ("output_fields.", "output.fields.", "falco.output_fields.", "OutputFields.")
"""What precedes the names of fields in Falco's JSON, as other tools write it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar, or None if none is similar enough."""
    if len(name) > _MAX_LENGTH:
        return None
    pool = list(known)
    lowered = {each.lower(): each for each in reversed(pool)}
    if name.lower() in lowered:
        return lowered[name.lower()]
    matches = get_close_matches(name, pool, n=1, cutoff=0.8) or _transposed(name, pool) or _only_completion(name, pool)
    return matches[0] if matches else None


def _transposed(name: str, pool: list[str]) -> list[str]:
    """Names that differ by two swapped neighbours. ``grcp`` is too short for the similarity cutoff."""
    swaps = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
    return [each for each in pool if each in swaps]


def _only_completion(name: str, pool: list[str]) -> list[str]:
    """The name that starts with this one, if there is only one: ``warn``."""
    found = [each for each in pool if each.startswith(name.lower())] if len(name) >= _MIN_PREFIX else []
    return found if len(found) == 1 else []


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean `x`?``, or an empty string."""
    found = nearest(name, known)
    return "" if found is None else f"did you mean `{found}`?"


def suggest_field(name: str) -> str:
    """``did you mean `k8s.ns.name`?`` for a name that other tools use, or an empty string."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return f"did you mean `{name.removeprefix(prefix)}`?"
    return f"did you mean `{_FALCO_NAMES[name]}`?" if name in _FALCO_NAMES else ""
