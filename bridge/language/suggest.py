"""Did you mean …: the nearest known name, if one is near enough to be what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one is most likely a slip for, or None."""
    if len(name) > _LONGEST:
        return None
    pool = list(known)
    folded = {each.lower(): each for each in reversed(pool)}
    if name.lower() in folded:
        return folded[name.lower()]
    found = get_close_matches(name, pool, n=1, cutoff=0.8)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean `x`?``, or nothing."""
    found = nearest(name, known)
    return "" if found is None else f"did you mean `{found}`?"
