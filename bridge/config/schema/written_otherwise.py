"""Hints for values of the config that are written in another form: ``10 minutes``, ``500mb``, a bare path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bridge.common.files.presence import exists, is_folder
from bridge.common.suggest import did_you_mean

_WORDS = re.compile(
    r"(\d+)\s*(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)", re.IGNORECASE
)
_DECIMAL = re.compile(r"(\d+)\.(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,6})\s*([MGT])i?B?", re.IGNORECASE)
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|per|a|an)\s*(second|minute|hour|sec|min|hr|s|m|h)s?", re.IGNORECASE)
_SHORT_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*r?p([smh])", re.IGNORECASE)
_LONGEST = frozenset({"forever", "never", "unlimited", "infinite", "inf", "always"})
_YEARS = re.compile(r"1\s*(?:y|yr|years?)", re.IGNORECASE)
_MONTHS = re.compile(r"(\d{1,2})\s*(?:mo|months?)", re.IGNORECASE)
_RATE_UNITS = {"s": "s", "m": "min", "h": "h"}
_HOST_PORT = re.compile(r"\[?[\w.:-]*\]?:([0-9]{1,20})")
_PORT = re.compile(r"[0-9]{1,5}")
_LARGEST_PORT = 65535
_FOLDERS = ("run/", "var/", "tmp/", "etc/")


def duration_hint(text: str) -> str:
    """How to write a duration, or an empty string."""
    text = text.strip()
    if text.startswith("-"):
        return duration_hint(text[1:]) or f"write `{text[1:]}`"
    if re.fullmatch(r"\d{1,20}", text) and int(text):
        return f"add a unit, such as {text}s, {text}m or {text}h"
    if re.fullmatch(r"0+[a-z]*", text):
        return "write a duration longer than zero, such as 30s"
    decimal = _DECIMAL.fullmatch(text)
    if decimal is not None:
        seconds = float(f"{decimal[1]}.{decimal[2]}") * _SECONDS[decimal[3]]
        unit = next((unit for unit in ("h", "m", "s") if seconds % _SECONDS[unit] == 0), "")
        return f"write `{seconds / _SECONDS[unit]:.0f}{unit}`" if unit else f"write `{seconds * 1000:.0f}ms`"
    if text.lower() in _LONGEST or _YEARS.fullmatch(text):
        return "write `365d`: a year is the longest"
    months = _MONTHS.fullmatch(text)
    if months is not None and 0 < int(months[1]) <= 12:
        return f"write `{int(months[1]) * 30}d`"
    words = _WORDS.fullmatch(text)
    if words is None:
        return ""
    unit = "ms" if words[2].lower().startswith(("ms", "milli")) else words[2][0].lower()
    return _write(f"{words[1]}{unit}", text)


def size_hint(text: str) -> str:
    """How to write a size, or an empty string."""
    found = _SIZE.fullmatch(text.strip())
    return "" if found is None else _write(f"{found[1]}{found[2].upper()}B", text)


def percentage_hint(text: str) -> str:
    """How to write a percentage, or an empty string."""
    text = text.strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text) or not 0 < float(text) <= 100:
        return ""
    return f"write `{float(text) * 100:g}%`" if float(text) <= 1 else f"write `{text}%`"


def rate_hint(text: str) -> str:
    """How to write a rate, or an empty string."""
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text) and float(text):
        return f"add a time, such as {text}/s or {text}/min"
    short = _SHORT_RATE.fullmatch(text)
    if short is not None and float(short[1]):
        return f"write `{short[1]}/{_RATE_UNITS[short[2].lower()]}`"
    found = _RATE.fullmatch(text)
    if found is None or float(found[1]) == 0:
        return ""
    return _write(f"{found[1]}/{_RATE_UNITS[found[2][0].lower()]}", text)


def address_hint(text: str, example: str) -> str:
    """How to write HOST:PORT, or an empty string. ``example`` has a usual port."""
    port = example.rpartition(":")[2]
    bare = re.sub(r"^\w+://", "", text).split("/")[0]
    found = _HOST_PORT.fullmatch(bare)
    if bare != text and found is not None:
        return f"write `{bare}`"
    if _PORT.fullmatch(text) and int(text) <= _LARGEST_PORT:
        return f"write 127.0.0.1:{text} for this machine only, or 0.0.0.0:{text} for all"
    if found is not None and int(found[1]) > _LARGEST_PORT:
        return f"write a port from 1 to {_LARGEST_PORT}"
    if text.lower() in {"true", "yes", "on"}:
        return f"write an address, such as {example}"
    if re.fullmatch(r"[\w.-]+", text):
        return f"add the port, such as {text}:{port}"
    return ""


def grpc_hint(text: str) -> str:
    """How to write the address of a Falco, or an empty string."""
    if text.startswith("/"):
        return f"write `unix://{text}`"
    return address_hint(text, "falco:5060")


def slashes_hint(text: str) -> str:
    """The absolute path that ``unix://run/…`` most likely means, or an empty string."""
    path = text.removeprefix("unix:").lstrip("/")
    missing = re.match(r"unix:(?://)?[^/]", text) is not None and path.startswith(_FOLDERS)
    return f"write `unix:///{path}`" if missing else ""


def file_hint(text: str, folder: Path) -> str:
    """What is there instead, a file with nearly the same name, or the folder that does not exist; else empty."""
    path = folder / text
    if not is_folder(path.parent):
        return _folder_hint(path.parent, folder)
    return _instead(path)


def pattern_hint(text: str, folder: Path) -> str:
    """Why no file matches a pattern of ``routes``: it names a folder, or a folder or file is missing."""
    bare = text.rstrip("/")
    base = folder / bare
    if is_folder(base):
        return f"it is a folder: write `{'' if bare in ('', '.') else f'{bare}/'}*.route`"
    first = Path(*[part for part in Path(text).parts[:-1] if not re.search(r"[*?\[]", part)])
    if not is_folder(folder / first):
        return _folder_hint(folder / first, folder)
    if re.search(r"[*?\[]", text):
        return "" if text.endswith(".route") else f"files of routes end in .route, such as {first / '*.route'}"
    return _instead(base)


def _instead(path: Path) -> str:
    """What is at the path if it is no regular file; else a file with nearly the same name."""
    if is_folder(path):
        return "it is a folder: name a file in it"
    if not os.access(path.parent, os.X_OK):
        return f"this user may not look into {path.parent}"
    if path.is_symlink() and not exists(path):
        return f"it is a link to {path.readlink()}, which does not exist"
    if exists(path):
        return "it is a device, a pipe or a socket: name a regular file"
    return did_you_mean(path.name, _names(path.parent))


def _write(meant: str, text: str) -> str:
    """``write `10m```; empty if the text is written so already, and something else is wrong with it."""
    return "" if meant == text else f"write `{meant}`"


def _folder_hint(missing: Path, folder: Path) -> str:
    hint = did_you_mean(missing.name, _names(missing.parent)) if is_folder(missing.parent) else ""
    shown = missing.relative_to(folder) if missing.is_relative_to(folder) else missing
    return f"there is no folder {shown}" + (f"; {hint}" if hint else "")


def _names(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir()]
    except OSError:
        return []
