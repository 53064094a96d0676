"""What the text operators mean, each told once. Falco compares bytes and folds the case of ASCII only."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
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

    Falco does not ask for the padding, but the last letter must hold nothing beyond the last byte. It leaves
    zero bytes at the end out, as a C string does.
    """
    bare = text.rstrip("=")
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
    """The options that POSIX's getopt finds, with their values: ``-lp x`` with ``lp:`` gives l, p, x."""
    quiet = letters.startswith(":")
    found: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        argument = waiting.pop()
        if not argument.startswith("-") or argument in {"-", "--"}:
            break
        if argument.startswith("--"):
            continue
        at = 1
        while at < len(argument):
            letter, at = argument[at], at + 1
            place = letters.find(letter)
            if place < 0 or letter == ":":
                continue
            if letters[place + 1 : place + 2] != ":":
                found.append(letter)
                continue
            if argument[at:] or waiting:
                found += (letter, argument[at:] or waiting.pop())
            elif quiet:
                found += (letter, "")
            break
    return tuple(found)
