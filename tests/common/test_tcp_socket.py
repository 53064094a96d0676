"""Addresses that cannot be listened at: the problem is in words, and says what to do."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from bridge.common.errors import SetupError
from bridge.common.net.tcp_socket import bind_problem, listen_tcp


def test_a_port_in_use_says_that_another_program_uses_it() -> None:
    """Without the number and the details of the system call."""
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        with pytest.raises(SetupError) as raised:
            listen_tcp("127.0.0.1", port)
    assert str(raised.value) == (
        f"127.0.0.1:{port}: cannot listen (Address already in use); "
        "another program uses this port; stop it, or choose another port"
    )


def test_an_address_of_another_machine() -> None:
    with pytest.raises(SetupError, match="this machine does not have this address"):
        listen_tcp("192.0.2.7", 0)


def test_a_port_that_only_root_may_use() -> None:
    error = PermissionError(errno.EACCES, "Permission denied (while attempting to bind on address ('127.0.0.1', 80))")
    assert bind_problem(error) == (
        os.strerror(errno.EACCES), "this user may not use a port below 1024; choose another port",
    )  # fmt: skip


def test_a_host_name_that_is_unknown_keeps_the_resolvers_words() -> None:
    """Its numbers are not those of the system."""
    problem, remedy = bind_problem(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert problem == "Name or service not known"
    assert remedy.startswith("check that the address is this machine's")
