"""Asks a running bridge over its admin socket."""

from __future__ import annotations

import json
import pwd
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge.common.unix_socket import too_long

_CONNECT_SECONDS = 5.0
_LARGEST_ANSWER = 32 << 20


class AdminError(Exception):
    """The bridge did not do what was asked; the text is a sentence for the operator."""


class NotRunningError(AdminError):
    """No bridge listens there."""


def ask(path: Path, operation: str, arguments: Mapping[str, object] | None = None, *, seconds: float = 30.0) -> Any:
    """The answer to one operation. Raises AdminError; NotRunningError where no bridge runs.

    ``seconds`` is how long the answer may take.
    """
    request = json.dumps({"operation": operation, "arguments": arguments or {}}).encode() + b"\n"
    with _connected(path) as connection:
        connection.settimeout(seconds)
        try:
            connection.sendall(request)
            line = _read_line(connection)
        except TimeoutError as error:
            raise AdminError(f"the bridge at {path} has not answered within {seconds:.0f} s") from error
        except OSError as error:
            raise AdminError(f"the bridge at {path} hung up ({error.strerror or error}); try again") from error
    return _answer(path, line)


def _connected(path: Path) -> socket.socket:
    if sentence := too_long(path):
        raise AdminError(sentence)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_CONNECT_SECONDS)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise _explained(path, error) from error
    return connection


def _explained(path: Path, error: OSError) -> AdminError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return NotRunningError(f"no bridge is running: nobody listens at {path}")
    if isinstance(error, PermissionError):
        return AdminError(f"{path} is another user's: run this as {_owner(path)}, or as root")
    return AdminError(f"{path} cannot be reached ({error.strerror or error}); is it the admin socket of a bridge?")


def _owner(path: Path) -> str:
    with suppress(OSError, KeyError):
        return pwd.getpwuid(path.stat().st_uid).pw_name
    return "the user that runs the bridge"


def _read_line(connection: socket.socket) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while (data := connection.recv(1 << 18)) and size <= _LARGEST_ANSWER:
        pieces.append(data)
        size += len(data)
    return b"".join(pieces)


def _answer(path: Path, line: bytes) -> Any:
    if not line:
        raise AdminError(f"the bridge at {path} hung up without an answer; it may be busy or leaving: try again")
    try:
        answer = json.loads(line)
        if answer["ok"]:
            return answer["answer"]
        problem = str(answer["problem"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise AdminError(f"what listens at {path} does not speak as a bridge does; is it the right socket?") from error
    raise AdminError(problem)
