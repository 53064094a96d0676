"""Fields that Falco cannot print are compared with the fields that carry their values."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.alert.catalogue import Output, catalogue
from bridge.language.program.fields.carriers import carriers_of, is_printable, substitute
from bridge.matching.analysis.explain import Mismatch, compile_explanation, decisive
from tests.matching.verdicts import by_each_road, checked, verdicts

SHELL = {"proc.pname": "sshd", "proc.aname[2]": "bash", "proc.aname[4]": "systemd", "proc.ppid": 7, "proc.apid[2]": 5}
CONNECTION = {"fd.cip": "10.1.2.3", "fd.sip": "8.8.8.8", "fd.cport": 40000, "fd.sport": 443, "evt.rawres": -2}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.aname = bash", True), ("proc.aname = sshd", True), ("proc.aname = zsh", False), ("proc.aname exists", True),
        ("proc.aname in (zsh, systemd)", True), ("proc.aname startswith sys and proc.aname = bash", True),
        ("not proc.aname = bash", False), ("not proc.aname = zsh", True), ("proc.aname != bash", True),
        ("not proc.aname != bash", False),
        ("proc.aname contains oneof (sys, temd)", False), ("proc.aname pmatch (ba*)", True), ("proc.aname regex s.*d", True),
        ("proc.apid = 5", True), ("proc.apid < 6", True), ("proc.apid > 7", False), ("proc.apid = 7 and proc.apid = 5", True),
        ("proc.aname[2] = bash", True), ("proc.aname[3] exists", False), ("proc.acmdline exists", False),
        ("proc.acmdline != x", False), ("not proc.acmdline = x", True),
    ],
)  # fmt: skip
def test_a_bare_ancestor_is_any_ancestor(condition: str, expected: bool) -> None:
    """sinsp_filtercheck_thread.cpp: compare_full_aname and its siblings, which also end at the first that differs."""
    assert verdicts(condition, SHELL) == {expected}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("fd.ip = 8.8.8.8", True), ("fd.ip = 10.1.2.3", True), ("fd.ip != 8.8.8.8", False), ("fd.ip != 8.8.4.4", True),
        ("fd.ip in (8.8.8.8, 1.1.1.1)", True), ("fd.port = 443", True), ("fd.port = https", True), ("fd.port > 30000", True),
        ("fd.port < 30000 and fd.port > 30000", True), ("fd.port != 443", False), ("not fd.port != 443", True), ("not fd.port != 80", False), ("not fd.ip != 10.0.0.0/8", True),
        ("fd.proto = https", True),
        ("fd.net = 10.0.0.0/8", True), ("fd.net != 10.0.0.0/8", False), ("fd.net != 192.168.0.0/16", True),
        ("fd.cnet = 10.0.0.0/8", True), ("fd.snet = 10.0.0.0/8", False), ("fd.snet in (8.0.0.0/8)", True),
        ("fd.lnet exists", False), ("evt.rawarg.res = -2", True), ("fd.sip.name = dns.google", False),
    ],
)  # fmt: skip
def test_either_end_of_a_connection(condition: str, expected: bool) -> None:
    """sinsp_filtercheck_fd.cpp: compare_ip, compare_port, compare_net. All values must differ for ``!=``."""
    assert verdicts(condition, CONNECTION) == {expected}


def test_the_environment_of_the_process_is_not_that_of_an_ancestor() -> None:
    """Falco prints a bare ``proc.aenv`` as ``proc.env``. The event of a test may give a bare ``proc.aname``."""
    assert verdicts('proc.aenv contains "A=1"', {"proc.aenv": "A=1"}) == {False}
    assert verdicts('proc.aenv contains "A=1"', {"proc.aenv[3]": "A=1"}) == {True}
    assert verdicts("proc.aname = bash", {"proc.aname": "bash"}) == {True}


@pytest.mark.parametrize("alert", [{}, {"proc.aname": None}, {"fd.sip": None, "proc.name": "bash"}])
def test_no_value_is_carried(alert: dict[str, Any]) -> None:
    """Every comparison of a missing value is false."""
    for condition in ("proc.aname = bash", "proc.aname != bash", "fd.ip != 1.1.1.1", "fd.port exists", "proc.apid < 5"):
        assert verdicts(condition, alert) == {False}


def test_every_field_that_falco_refuses_is_known() -> None:
    """Each field that Falco does not print has carriers, or a remedy that names no such field."""
    for name, field in catalogue().items():
        assert is_printable(name) is (field.output is Output.VALUE)
        carriers = carriers_of(name)
        if carriers is not None:
            assert all(is_printable(each) for each in (*carriers.proposed, *carriers.names))
        elif not is_printable(name):
            assert substitute(name)
    assert is_printable("proc.aname[3]")
    assert not is_printable("evt.type.is.open")
    assert not is_printable("evt.rawarg.flags")


def test_an_explanation_shows_the_carried_values() -> None:
    """The values, and a difference in case."""
    condition = checked("proc.aname = BASH")
    assert condition is not None
    (found,) = decisive(compile_explanation(condition, {})(by_each_road(SHELL)[0]))
    assert [(each.name, each.value) for each in found.found] == [("proc.aname", "(sshd, bash, systemd)")]
    assert found.why is Mismatch.CASE
    (found,) = decisive(compile_explanation(condition, {})(by_each_road({"proc.pname": "zsh"})[0]))
    assert found.why is Mismatch.VALUE
    address = checked("fd.ip = 10.0.0.0/8")
    assert address is not None
    (found,) = decisive(compile_explanation(address, {})(by_each_road({"fd.sip": "8.8.8.8"})[0]))
    assert found.why is Mismatch.VALUE
