"""From the text of a path in the config to the value: paths, sockets, and files that are read or must exist."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.alert.field_list import read_field_list
from bridge.common.files.presence import is_file
from bridge.common.files.text_file import read_bounded_text
from bridge.common.net.unix_socket import too_long
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.values import AbsolutePath, FieldListFile, FilePattern, PemFile, RouteFile, SocketPath
from bridge.config.schema.written_otherwise import file_hint, pattern_hint
from bridge.language.diagnostics.diagnostic import Code

_LONGEST_PATH, _LONGEST_NAME = 4095, 255
_NO_PATHS = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null"})


def _check_path_length(path: Path) -> None:
    """Raises InvalidValueError for a path that no file can have, about which the system answers nothing."""
    try:
        names = [len(os.fsencode(each)) for each in path.parts]
    except UnicodeEncodeError as error:
        raise InvalidValueError("write it in UTF-8", "no file can have this name") from error
    if len(os.fsencode(path)) > _LONGEST_PATH or max(names, default=0) > _LONGEST_NAME:
        raise InvalidValueError("shorten it", "this path is too long")


def read_path(text: str, folder: Path) -> Path:
    """A path. Raises InvalidValueError."""
    if not text:
        raise InvalidValueError
    if text.lower() in _NO_PATHS:
        raise InvalidValueError("write a path, or remove the key")
    if "://" in text:
        path = text.partition("://")[2]
        hint = f"write `{path}`" if path.startswith("/") else "write a path, such as /var/lib/falco-bridge/journal.db"
        raise InvalidValueError(hint, "this is a URL, and a path is needed")
    if text.startswith("~"):
        raise InvalidValueError("write the whole path", "`~` is not replaced")
    _check_path_length(folder / text)
    return folder / text


def read_socket(text: str, folder: Path) -> SocketPath:
    """The path of a unix socket. Raises InvalidValueError."""
    path = read_path(text, folder)
    check_socket_length(path, "choose a shorter path, such as /run/falco-bridge/bridge.sock")
    return SocketPath(path)


def check_socket_length(path: Path, hint: str) -> None:
    """Raises InvalidValueError for a unix socket whose path is too long."""
    if sentence := too_long(path):
        raise InvalidValueError(hint, sentence)


def read_pem_file(text: str, folder: Path) -> PemFile:
    """A file that exists. Raises InvalidValueError."""
    path = read_path(text, folder)
    if not is_file(path):
        hint = file_hint(text, folder) or "name a PEM file"
        raise InvalidValueError(hint, f"there is no file {path}", Code.NO_SUCH_FILE)
    return PemFile(path)


def read_absolute_path(text: str, _folder: Path) -> AbsolutePath:
    """A path from / on. Raises InvalidValueError."""
    if not text.startswith("/"):
        raise InvalidValueError(f"write it from / on, such as /{text}", f"`{text}` is not an absolute path")
    _check_path_length(Path(text))
    return AbsolutePath(Path(os.path.normpath(text)))


def read_pattern(text: str, folder: Path) -> FilePattern:
    """A file or a pattern; nothing needs to exist. Raises InvalidValueError."""
    if not text:
        raise InvalidValueError
    if text.startswith("~"):
        raise InvalidValueError("write the whole path", "`~` is not replaced")
    _check_path_length(folder / text)
    return FilePattern(str(folder / text), text)


def read_route_files(text: str, folder: Path) -> tuple[RouteFile, ...]:
    """The files that a pattern names, at least one, in order. Raises InvalidValueError."""
    _check_path_length(folder / text)
    base = Path("/") if text.startswith("/") else folder
    try:
        paths = [path for path in base.glob(text.lstrip("/")) if is_file(path)]
    except (ValueError, NotImplementedError, IndexError, AttributeError):  # pathlib's for `.`, `./`, `` and `a**`
        paths = []
    if not paths:
        hint = pattern_hint(text, folder) or f"relative paths start at {folder}"
        raise InvalidValueError(hint, f"no file matches {text}", Code.NO_SUCH_FILE)
    return tuple(RouteFile(path) for path in sorted(paths, key=lambda path: str(path).encode()))


def read_field_list_file(text: str, folder: Path) -> FieldListFile:
    """The fields that a file lists. Raises InvalidValueError."""
    path = read_path(text, folder)
    try:
        fields = read_field_list(read_bounded_text(path, errors="replace"))
    except FileNotFoundError:
        hint = file_hint(text, folder) or "write the output of `falco --list -v` to it"
        raise InvalidValueError(hint, f"there is no file {path}", Code.NO_SUCH_FILE) from None
    except OSError as error:
        raise InvalidValueError("check the file name", f"{path} cannot be read ({error.strerror})") from None
    if not fields:
        raise InvalidValueError("write the output of `falco --list -v` to it", f"{path} lists no fields")
    return FieldListFile(path, tuple(fields))
