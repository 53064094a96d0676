"""The lines that bash announces: PS0 makes it open ``/.falco-bridge/`` followed by ``history 1`` in quotes."""

from __future__ import annotations

import re

FOLDER = "/.falco-bridge/"
_PART = re.compile(r"\$'((?:[^'\\]|\\.)*)'|'([^']*)'|\\(.)|([^'\\])", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_SURROGATES = range(0xD800, 0xE000)
_NUMBER = re.compile(r"\s*(\d{1,9})[* ] ")


def unquoted(path: str) -> str:
    """What was quoted in the path: the line of ``history 1``. Takes the quotes of bash's ``@Q`` away."""
    text = "".join(map(_part, _PART.finditer(path.removeprefix(FOLDER))))
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def split_number(line: str) -> tuple[int, str]:
    """The number that ``history`` puts in front, 0 if there is none, and the line."""
    found = _NUMBER.match(line)
    return (0, line.strip()) if found is None else (int(found[1]), line[found.end() :].strip())


def _part(found: re.Match[str]) -> str:
    escaped, quoted, single, plain = found.groups()
    if escaped is not None:
        return _ESCAPE.sub(_character, escaped)
    return next(each for each in (quoted, single, plain) if each is not None)


def _character(found: re.Match[str]) -> str:
    octal, hexadecimal, code, letter = found.groups()
    if letter is not None:
        return _NAMED.get(letter, letter)
    if code is not None:
        return chr(int(code, 16)) if not _SURROGATES.start <= int(code, 16) < _SURROGATES.stop else "\ufffd"
    byte = int(octal, 8) & 0xFF if octal else int(hexadecimal, 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)  # a byte of UTF-8, which bash escapes in the C locale
