"""Whether Falco's gRPC server can be reached on a unix socket, and why not."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from bridge.workbench.doctor.finding import Finding, Gravity

_SECONDS = 3.0
_ENABLE = "Falco 0.43 or older: grpc: {enabled: true, bind_address: unix://…} and grpc_output: {enabled: true}"


def falco_sockets(targets: Iterable[str]) -> Iterator[Finding]:
    """One finding for each ``unix:PATH``; other addresses are left to the running bridge."""
    for target in targets:
        if target.startswith("unix:"):
            yield _examine(Path(target.removeprefix("unix:")))


def _examine(path: Path) -> Finding:
    subject = f"Falco at {path}"
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except FileNotFoundError:
        return Finding(Gravity.PROBLEM, subject, "the socket does not exist", f"start Falco, with {_ENABLE}")
    except OSError as error:
        return Finding(Gravity.PROBLEM, subject, _reason(error), "give the bridge's user access to the folder")
    if not is_socket:
        return Finding(Gravity.PROBLEM, subject, "it is no socket", "name the path of grpc.bind_address in falco.yaml")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        try:
            connection.connect(str(path))
        except PermissionError:
            return Finding(
                Gravity.PROBLEM,
                subject,
                "access is denied",
                "run the bridge as root, or with a group that may write to it",
            )
        except OSError as error:
            return Finding(Gravity.PROBLEM, subject, _reason(error), "restart Falco: nothing listens at the socket")
    return Finding(Gravity.OK, subject, "it accepts connections")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
