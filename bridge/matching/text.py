"""Text functions of Falco's operators. Falco compares bytes and folds the case of ASCII letters only."""

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
    """The bytes that Falco compares. Decoded base64 may contain any bytes, kept as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def basename(text: str) -> str:
    """The text after the last slash."""
    return text.rpartition("/")[2]


def decode_base64(text: str) -> str | None:
    """The decoded text. None if the text is not base64.

    Falco accepts missing padding and up to two ``=`` regardless of the length. The unused bits of the last letter must
    be zero. Trailing zero bytes are dropped, as in a C string.
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
    """The components of a path. Leading, trailing and repeated slashes are ignored."""
    return [part for part in text.split("/") if part]


def starts_with_path(components: Sequence[str], tests: Sequence[Test]) -> bool:
    """Whether the first components of a path pass the tests, one each."""
    return len(components) >= len(tests) and all(test(part) for test, part in zip(tests, components, strict=False))


def get_options(arguments: Sequence[str], letters: str) -> tuple[str, ...]:
    """The options that POSIX getopt finds, with their values: ``-lp x`` with ``lp:`` gives l, p, x.

    An unknown option gives ``?``. An option whose value is missing gives an empty text only.
    """
    return tuple(each for _, output in _options(arguments, letters) for each in output)


def get_option(arguments: Sequence[str], letters: str, wanted: str) -> str | None:
    """The last value of an option, or its letter if it takes no value. None if it is absent."""
    found = [output[-1] for letter, output in _options(arguments, letters) if letter == wanted]
    return found[-1] if found else None


def _options(arguments: Sequence[str], letters: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each option with its output. The letter is empty for an unknown option."""
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
