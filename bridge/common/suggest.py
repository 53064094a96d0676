"""Did you mean …: the nearest known name, if one is near enough to be what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80
_SHORTEST_BEGINNING = 3
_CALLED_ELSEWHERE = {
    "cmdline": "proc.cmdline", "container": "container.name", "image": "container.image.repository",
    "k8s.namespace": "k8s.ns.name", "k8s.namespace.name": "k8s.ns.name", "k8s.ns": "k8s.ns.name",
    "k8s.pod": "k8s.pod.name", "message": "output", "namespace": "k8s.ns.name", "pod": "k8s.pod.name",
    "proc.cmd": "proc.cmdline", "process": "proc.name", "process.name": "proc.name", "severity": "priority",
    "user": "user.name",
}  # fmt: skip
"""Other tools' names, and what Falco calls the same."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is most likely a slip for, or None."""
    if len(name) > _LONGEST:
        return None
    pool = list(known)
    folded = {each.lower(): each for each in reversed(pool)}
    if name.lower() in folded:
        return folded[name.lower()]
    found = get_close_matches(name, pool, n=1, cutoff=0.8) or _swapped(name, pool) or _begun(name, pool)
    return found[0] if found else None


def _swapped(name: str, pool: list[str]) -> list[str]:
    """Those with two neighbours the other way round, which in a short name is most of it: ``grcp``."""
    slips = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
    return [each for each in pool if each in slips]


def _begun(name: str, pool: list[str]) -> list[str]:
    """The only one that begins so: ``warn``."""
    found = [each for each in pool if each.startswith(name.lower())] if len(name) >= _SHORTEST_BEGINNING else []
    return found if len(found) == 1 else []


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean `x`?``, or nothing."""
    found = nearest(name, known)
    return "" if found is None else f"did you mean `{found}`?"


def field_meant(name: str) -> str:
    """``did you mean `k8s.ns.name`?`` of a field that other tools call so, or nothing."""
    return f"did you mean `{_CALLED_ELSEWHERE[name]}`?" if name in _CALLED_ELSEWHERE else ""
