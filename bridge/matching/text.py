"""What the text operators mean, each told once. Falco compares bytes and folds the case of ASCII only."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

_FOLD_DOWN = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_FOLD_UP = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}

Test = Callable[[str], bool]


def lower(text: str) -> str:
    """Lower case, ASCII only."""
    return text.lower() if text.isascii() else text.translate(_FOLD_DOWN)


def upper(text: str) -> str:
    """Upper case, ASCII only."""
    return text.upper() if text.isascii() else text.translate(_FOLD_UP)


def as_bytes(text: str) -> bytes:
    """The bytes that Falco compares; what base64 brought to light may be any."""
    return text.encode("utf-8", "surrogateescape")


def basename(text: str) -> str:
    """What follows the last slash."""
    return text.rpartition("/")[2]


def decode_base64(text: str) -> str | None:
    """What the text encodes, or None where it is not base64.

    Falco does not ask for the padding and takes up to two ``=`` whatever is due, but the last letter must hold
    nothing beyond the last byte. It leaves zero bytes at the end out, as a C string does.
    """
    bare = text.removesuffix("=").removesuffix("=")
    if text and not bare:
        return None
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.b64encode(decoded).decode().rstrip("=") != bare:
        return None
    return decoded.rstrip(b"\0").decode("utf-8", "surrogateescape")


def regex_test(compiled: Any) -> Test:
    """A full match of an RE2 pattern over bytes."""
    matches = compiled.fullmatch
    return lambda text: matches(as_bytes(text)) is not None


def path_components(text: str) -> list[str]:
    """The parts of a path; slashes in front, behind and doubled do not count."""
    return [part for part in text.split("/") if part]


def starts_with_path(components: Sequence[str], tests: Sequence[Test]) -> bool:
    """Whether a path begins with as many components as there are tests, each passing its own."""
    return len(components) >= len(tests) and all(test(part) for test, part in zip(tests, components, strict=False))


def get_options(arguments: Sequence[str], letters: str) -> tuple[str, ...]:
    """The options that POSIX's getopt finds, with their values: ``-lp x`` with ``lp:`` gives l, p, x.

    One that is not among the letters gives ``?``, and one whose value is not there the empty text alone.
    """
    return tuple(each for _, said in _options(arguments, letters) for each in said)


def get_option(arguments: Sequence[str], letters: str, wanted: str) -> str | None:
    """The last value of one option, or its letter where it takes none; None where it is not given."""
    found = [said[-1] for letter, said in _options(arguments, letters) if letter == wanted]
    return found[-1] if found else None


def _options(arguments: Sequence[str], letters: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each option found, and what is said of it; the letter is empty where it is none of those known."""
    known = set(letters) - {":"}
    valued = {letter for letter, after in pairwise(letters) if after == ":"}
    waiting = deque(arguments)
    while waiting:
        argument = waiting.popleft()
        if argument.startswith("--") and argument != "--":
            continue
        if argument in {"-", "--"} or not argument.startswith("-"):
            return
        for at, letter in enumerate(argument[1:], 2):
            if letter not in known:
                yield "", ("?",)
            elif letter not in valued:
                yield letter, (letter,)
            elif argument[at:] or waiting:
                yield letter, (letter, argument[at:] or waiting.popleft())
                break
            else:
                yield letter, ("",)
