"""The actor of an operation, and the error that refuses an operation."""

from __future__ import annotations

import pwd
from dataclasses import dataclass

ACTOR = "falco-bridge-actor"
"""Header on the admin socket: the person for whom the caller acts, percent-encoded UTF-8."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program that uses the operator API."""

    name: str
    """The user's name on the admin socket; ``token from ADDRESS`` on TCP; ``alice (console)``. Written to the log."""

    @classmethod
    def of_user(cls, uid: int) -> Actor:
        """The user with that id, by name if it has one."""
        try:
            return cls(pwd.getpwuid(uid).pw_name)
        except KeyError:
            return cls(f"uid {uid}")


class OperationError(Exception):
    """The operation was not carried out. The text is a sentence for the operator that says what to do."""

    def __init__(self, detail: str, status: int = 409) -> None:
        """``status`` is the HTTP status of the answer."""
        super().__init__(detail)
        self.status = status
