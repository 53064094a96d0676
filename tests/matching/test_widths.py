"""Numbers have the width of their field, as in falcosecurity/libs (value_parser.cpp, filter_compare.cpp)."""

from __future__ import annotations

import pytest

from bridge.alert.catalogue import catalogue, service_ports
from bridge.language.program.condition import Kind
from bridge.language.program.fields.kinds import field_kind
from tests.matching.verdicts import checked, verdicts

FIELDS = {
    "user.uid": 4294967295, "group.gid": 0, "proc.tty": 34816, "fd.sport": 22, "fd.cport": 0, "evt.cpu": -2,
    "fd.dev": "FD00", "fd.dev.major": 253, "evt.num": 18446744073709551615, "evt.rawres": -1, "evt.count": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("user.uid = -1", True), ("user.uid != -1", False), ("user.uid in (-1, 5)", True), ("user.uid < 4294967295", False),
        ("user.uid = 99999999999999999999", True), ("group.gid = 4294967296", True), ("proc.tty = 4295002112", True),
        ("fd.sport = ssh", True), ("fd.sport in (http, ssh)", True), ("fd.sport != ssh", False), ("fd.sport = 65558", True),
        ("fd.sport = 022", True), ('fd.cport = ""', True), ("evt.cpu = 65534", True), ("evt.cpu = -2", True),
        ("evt.cpu < 0", True), ("fd.dev = 64768", True), ("fd.dev > 64767", True), ("fd.dev != 64768", False),
        ("fd.dev.major = 4294967549", True), ("evt.num = -1", True), ("evt.rawres = -1", True), ("evt.count >= 1", True),
        ("evt.rawres = 18446744073709551615", False),
    ],
)  # fmt: skip
def test_a_number_is_cut_to_the_width_of_the_field(condition: str, expected: bool) -> None:
    """The result is the same by JSON and by gRPC, from the predicate and from the matcher."""
    assert verdicts(condition, FIELDS) == {expected}


@pytest.mark.parametrize(
    "condition",
    ["fd.sport = -1", 'fd.sport = " 22"', "fd.sport = +22", "fd.sport = nosuch", "fd.sport = 2147483648", "fd.sport > ssh",
     "fd.dev = FD00", "user.uid = val(evt.num)", "fd.sport = val(user.uid)", "evt.cpu = val(fd.dev.major)",
     "user.uid = len(proc.name)"],
)  # fmt: skip
def test_numbers_that_falco_rejects(condition: str) -> None:
    """A port has no sign and no blanks, and fields of different widths are not compared."""
    assert checked(condition) is None


def test_fields_of_the_same_width_are_compared() -> None:
    """Falco compares fields of exactly the same type."""
    assert checked("user.uid = val(proc.tty)") is not None
    assert checked("fd.sport = val(fd.cport)") is not None


def test_the_catalogue_has_falcos_types() -> None:
    """Each narrow field has its kind."""
    kinds = {name: field_kind(name) for name in FIELDS}
    assert kinds == {
        "user.uid": Kind.UINT32, "group.gid": Kind.UINT32, "proc.tty": Kind.UINT32, "fd.sport": Kind.PORT,
        "fd.cport": Kind.PORT, "evt.cpu": Kind.INT16, "fd.dev": Kind.DEVICE, "fd.dev.major": Kind.INT32,
        "evt.num": Kind.UNSIGNED, "evt.rawres": Kind.INTEGER, "evt.count": Kind.UINT32,
    }  # fmt: skip
    assert all(field_kind(name) is not None for name in catalogue())
    assert service_ports()["https"] == 443
