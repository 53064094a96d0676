"""Redaction: what is stored and sent contains no secret, also when a redaction fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.alert import Alert
from bridge.language.program.program import Redaction
from bridge.routing.redaction import SHORTEST_SECRET, Redactor
from tests.support import builders


def alert(**fields: str) -> Alert:
    """An alert whose output line repeats all its fields."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return builders.alert(output=f"out {' '.join(named.values())}", fields=named)


def redactor(text: str) -> Redactor:
    return Redactor(builders.program_of(f'{text}\nroute "r" {{ to x }}').redactions)


def test_fields_and_the_output_line_are_masked_and_the_id_is_kept() -> None:
    """The id is computed from the original, so a duplicate is recognised."""
    redact = redactor('redact proc.cmdline matching "password=\\\\S+" with "[gone]"')
    original = alert(proc__cmdline="mysql password=hunter2 -u x")
    stored = redact.alert(original)
    assert stored.id == original.id
    assert stored.fields["proc.cmdline"] == "mysql [gone] -u x"
    assert stored.output == "out mysql [gone] -u x"
    assert redact.raw(b"\xff password=hunter2") == "\ufffd [gone]".encode()


def test_an_empty_match_is_not_masked() -> None:
    """The checker warns of such a regex."""
    redact = Redactor([Redaction(("proc.name",), "x*", "***")])
    stored = redact.alert(alert(proc__name="axxxxb"))
    assert (stored.fields["proc.name"], stored.output) == ("a***b", "out a***b")
    assert redact.raw(b"axb") == b"a***b"


@pytest.mark.parametrize("written", [r"token=\S+", r"token=\\S+", r"\btoken=\x61[^ ]*", r"to\"?ken=\S+\b"])
def test_a_regex_is_read_as_re2_reads_it(written: str) -> None:
    """The language has no escapes of its own in it but those of the backslash and the quote."""
    redact = redactor(f'redact proc.cmdline matching "{written}"')
    assert redact.alert(alert(proc__cmdline="x token=abc y")).fields["proc.cmdline"] == "x *** y"


def test_each_redaction_has_its_own_mask_in_the_output_line_too() -> None:
    """Not the first one's for all."""
    redact = redactor(
        'redact proc.name matching "name-[0-9]+" with "<name>"\nredact proc.args matching "token=[a-z]+" with "<token>"'
    )
    assert redact.alert(alert(proc__name="name-12", proc__args="token=abc")).output == "out <name> <token>"


def test_redacting_output_changes_only_the_output_line() -> None:
    """``output`` is a name like that of a field."""
    stored = redactor('redact output matching "[0-9]+"').alert(alert(proc__name="x1234"))
    assert (stored.output, stored.fields["proc.name"]) == ("out x***", "x1234")


def test_the_exact_items_of_a_list_field_are_masked() -> None:
    """They are stored beside the field's text."""
    original = builders.decoded_alert(output_fields={"ka.user.groups": ["admin", "token=abc"]})
    stored = redactor('redact ka.user.groups matching "token=[a-z]+"').alert(original)
    assert original.lists["ka.user.groups"] == ("admin", "token=abc")
    assert stored.lists["ka.user.groups"] == ("admin", "***")
    assert "token=abc" not in stored.fields["ka.user.groups"]


@pytest.mark.parametrize(
    ("secret", "output"), [("s" * (SHORTEST_SECRET - 1), "out sss"), ("s" * SHORTEST_SECRET, "out ***")]
)
def test_a_short_match_is_masked_only_in_its_field(secret: str, output: str) -> None:
    """The output line would become unreadable if every `a` in it were masked."""
    stored = redactor('redact proc.name matching "s+"').alert(alert(proc__name=secret))
    assert (stored.fields["proc.name"], stored.output) == ("***", output)
    assert SHORTEST_SECRET == 4


@pytest.mark.parametrize("fields", [("proc.name", "proc.args"), ("proc.args", "proc.name")])
def test_a_secret_that_contains_another_is_masked_as_a_whole(fields: tuple[str, str]) -> None:
    """In whichever order they are found: what surrounds the shorter one is part of the longer one."""
    redact = redactor("\n".join(f'redact {name} matching "\\\\S+"' for name in fields))
    stored = redact.alert(alert(proc__name="wxyz", proc__args="awxyz9"))
    assert stored.output == "out *** ***"


class Failing:
    """A compiled pattern that fails on the texts that contain a given word."""

    def __init__(self, word: bytes) -> None:
        self._word = word

    def sub(self, _repl: Callable[[Any], bytes], text: bytes) -> bytes:
        if self._word in text:
            raise MemoryError
        return text


def test_where_a_redaction_fails_the_whole_text_is_masked() -> None:
    """The field, and the output line too: which part of it is secret is not known."""
    redactions = builders.program_of(
        'redact proc.cmdline matching "hunter2" with "[gone]"\nroute "r" { to x }'
    ).redactions
    redact = Redactor(redactions, lambda _pattern: Failing(b"hunter2"))
    stored = redact.alert(alert(proc__cmdline="mysql hunter2", proc__name="mysql"))
    assert dict(stored.fields) == {"proc.cmdline": "[gone]", "proc.name": "mysql"}
    assert stored.output == "[gone]"
    assert redact.raw(b"{hunter2}") == b"[gone]"
    assert redact.alert(alert(proc__cmdline="ls")).output == "out ls"


def test_where_redacting_the_output_line_fails_the_line_is_masked() -> None:
    """The fields are not affected."""
    redactions = builders.program_of('redact output matching "hunter2"\nroute "r" { to x }').redactions
    stored = Redactor(redactions, lambda _pattern: Failing(b"hunter2")).alert(alert(proc__name="hunter2"))
    assert (stored.output, stored.fields["proc.name"]) == ("***", "hunter2")


def test_a_pattern_for_a_whole_command_line_finds_each_program_of_a_command() -> None:
    """And what it finds is masked in what was typed, which repeats it."""
    texts = {"cmd.text": "cd /x; mysql -phunter2 db", "cmd.ran": "id · mysql -phunter2 db · ls", "user.name": "mysql"}
    command = builders.alert(
        source="terminal", output=f"mysql typed: {texts['cmd.text']}", rule="Command typed in a terminal", fields=texts
    )
    stored = redactor('redact proc.cmdline matching "^mysql -p.*$"').alert(command)
    assert "hunter2" not in str(stored)
    assert stored.fields["cmd.text"] == "cd /x; ***"
    assert stored.fields["cmd.ran"] == "id · *** · ls"
    other = redactor('redact user.name matching "mysql"').alert(command)
    assert other.fields == texts | {"user.name": "***"}
    assert other.output == "*** typed: cd /x; *** -phunter2 db"
