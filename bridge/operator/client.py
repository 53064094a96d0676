"""Calls the operator API of a running bridge over its admin socket."""

from __future__ import annotations

import http.client
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from bridge.common.net.unix_socket import too_long
from bridge.operator.actor import ACTOR

_CONNECT_SECONDS = 5.0
_LARGEST_ANSWER = 32 << 20
_PROBLEM = 500
_UNAVAILABLE = 503

Answer = TypeVar("Answer", bound=msgspec.Struct)


class AdminError(Exception):
    """The bridge did not do what was asked. The text is a sentence for the operator."""

    def __init__(self, detail: str, status: int = _UNAVAILABLE) -> None:
        """``status`` is the HTTP status of the bridge's answer."""
        super().__init__(detail)
        self.status = status


class NotRunningError(AdminError):
    """No bridge listens at the socket."""


class _Refusal(msgspec.Struct):
    """The part of a problem that is shown."""

    detail: str


class AdminClient:
    """Calls one bridge. Each call opens a connection of its own."""

    def __init__(self, path: Path, actor: str = "") -> None:
        """``actor`` is the person for whom this user calls."""
        self._path = path
        self._headers = {ACTOR: quote(actor)} if actor else {}

    def acting_for(self, name: str) -> AdminClient:
        """A client whose acts are recorded under this name."""
        return AdminClient(self._path, name)

    def get(self, target: str, answer: type[Answer], *, seconds: float = 30.0) -> Answer:
        """GET ``target``. Raises AdminError; NotRunningError if no bridge runs."""
        return self._call("GET", target, answer, None, seconds)

    def post(
        self, target: str, answer: type[Answer], body: msgspec.Struct | None = None, *, seconds: float = 30.0
    ) -> Answer:
        """POST ``body`` as JSON. ``seconds`` is how long the answer may take. Raises as ``get``."""
        return self._call("POST", target, answer, body, seconds)

    def events(self, target: str, answer: type[Answer], *, seconds: float = 30.0) -> Iterator[Answer]:
        """GET a stream of server-sent events, until the bridge stops.

        Raises AdminError for a problem, and if nothing comes for ``seconds``.
        """
        connection = _UnixConnection(self._path, seconds)
        try:
            connection.connect()
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            connection.request("GET", target)
            response = connection.getresponse()
            if response.status != http.client.OK:
                self._read(response.status, response.read(_LARGEST_ANSWER), answer)
            name = ""
            while line := response.readline(_LARGEST_ANSWER):
                key, _, value = line.rstrip(b"\n").partition(b": ")
                if key == b"event":
                    name = value.decode()
                elif key == b"data":
                    is_problem = name == "problem"
                    yield self._read(_PROBLEM if is_problem else http.client.OK, value, answer)
        except TimeoutError as error:
            raise AdminError(f"the bridge at {self._path} has sent nothing for {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise AdminError(f"the bridge at {self._path} closed the connection ({error})") from error
        finally:
            connection.close()

    def _call(
        self, method: str, target: str, answer: type[Answer], body: msgspec.Struct | None, seconds: float
    ) -> Answer:
        connection = _UnixConnection(self._path, seconds)
        try:
            connection.connect()
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it was refused early, and the response says why
                connection.request(
                    method, target, None if body is None else msgspec.json.encode(body),
                    {"Content-Type": "application/json", "Connection": "close"} | self._headers,
                )  # fmt: skip
            response = connection.getresponse()
            text = response.read(_LARGEST_ANSWER)
        except TimeoutError as error:
            raise AdminError(f"the bridge at {self._path} has not answered within {seconds:.0f} s") from error
        except http.client.BadStatusLine as error:
            raise self._not_a_bridge(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise AdminError(f"the bridge at {self._path} closed the connection ({error}); try again") from error
        finally:
            connection.close()
        return self._read(response.status, text, answer)

    def _read(self, status: int, text: bytes, answer: type[Answer]) -> Answer:
        try:
            if status == http.client.OK:
                return msgspec.json.decode(text, type=answer)
            detail = msgspec.json.decode(text, type=_Refusal).detail
        except msgspec.MsgspecError as error:
            raise self._not_a_bridge(error) from error
        raise AdminError(detail, status)

    def _not_a_bridge(self, error: Exception) -> AdminError:
        if isinstance(error, http.client.RemoteDisconnected):
            return AdminError(
                f"the bridge at {self._path} closed the connection; it may be busy or stopping: try again"
            )
        return AdminError(
            f"{self._path} does not answer as this version of the bridge does; does it belong to another program or "
            "version?"
        )

    def _unreachable(self, error: OSError) -> AdminError:
        path = self._path
        if sentence := too_long(path):
            return AdminError(sentence)
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return NotRunningError(f"no bridge is running: nothing listens at {path}")
        if isinstance(error, PermissionError):
            return AdminError(f"{path} belongs to another user: run this as {_owner(path)}, or as root")
        return AdminError(f"{path} cannot be reached ({error.strerror or error}); is it the admin socket of a bridge?")


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect within ``_CONNECT_SECONDS``."""
        if too_long(self._path):
            raise OSError("path too long")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CONNECT_SECONDS)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise
        self.sock.settimeout(self.timeout)


def segment(text: str) -> str:
    """The text as one segment of a path."""
    return quote(text, safe="")


def _owner(path: Path) -> str:
    with suppress(OSError, KeyError):
        return pwd.getpwuid(path.stat().st_uid).pw_name
    return "the user that runs the bridge"
