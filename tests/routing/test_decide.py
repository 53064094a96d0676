"""From matched routes to what each channel is told, and what must not be kept."""

from __future__ import annotations

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.matching import Matcher
from bridge.routing import Action, Routed, decide
from bridge.routing.redaction import Redactor

TEXT = """
route "first" { when rule = a to x, y title "one" severity notice }
route "second" { when rule = a to y, z title "two" severity critical }
route "quiet" { when rule = b drop }
route "own" { when source = internal to x }
otherwise { to z }
"""


def program_of(text: str) -> Program:
    program = check([SourceText("t", text)], Known(None, None)).program
    assert program is not None
    return program


def alert(rule: str, source: str = "syscall", **fields: str) -> Alert:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return make_alert(time_ns=1, priority=Priority.WARNING, rule=rule, source=source, hostname="h", tags=(),
                      output=f"out {' '.join(named.values())}", fields=named)  # fmt: skip


def routed(text: str, what: Alert) -> Routed:
    program = program_of(text)
    return decide(program, Matcher(program, {}).match(what, 0), what)


def test_a_channel_is_told_once() -> None:
    """The first route's text, the highest severity, all routes named."""
    told = {each.channel: each for each in routed(TEXT, alert("a")).notifications}
    assert set(told) == {"x", "y", "z"}
    assert (told["y"].title, told["y"].severity, told["y"].routes) == ("one", Priority.CRITICAL, ("first", "second"))
    assert (told["x"].severity, told["z"].title) == (Priority.NOTICE, "two")


def test_drop_otherwise_and_falcos_own_alerts() -> None:
    """Each as the language says."""
    assert [each.action for each in routed(TEXT, alert("b")).decisions] == [Action.DROPPED]
    assert [each.action for each in routed(TEXT, alert("c")).decisions] == [Action.UNMATCHED]
    assert [each.route for each in routed(TEXT, alert("a", "internal")).decisions] == ["own"]
    without = TEXT.replace('route "own" { when source = internal to x }', "")
    assert routed(without, alert("c", "internal")) == Routed((), ())


def test_a_route_keeps_to_its_schedule() -> None:
    """Outside it the alert is not matched, and reaches what others say."""
    program = program_of(
        'schedule office = mon-fri 09:00-18:00 in "Asia/Seoul"\n'
        'route "day" { during office to x }\nroute "night" { not during office to y }\n'
    )
    matcher = Matcher(program, {})
    monday_noon, sunday_noon = 1_767_582_000_000_000_000, 1_767_495_600_000_000_000  # Seoul
    assert matcher.match(alert("a"), monday_noon) == (0,)
    assert matcher.match(alert("a"), sunday_noon) == (1,)


def test_redaction_masks_fields_and_the_line_and_keeps_the_id() -> None:
    """Conditions saw the original; what is kept holds the secret nowhere."""
    program = program_of('redact proc.cmdline matching "password=\\\\S+" with "[gone]"\nroute "r" { to x }')
    original = alert("a", proc__cmdline="mysql password=hunter2 -u x")
    kept = Redactor(program.redactions).alert(original)
    assert kept.id == original.id
    assert kept.fields["proc.cmdline"] == "mysql [gone] -u x"
    assert kept.output == "out mysql [gone] -u x"
    assert b"hunter2" not in Redactor(program.redactions).raw(b"\xff password=hunter2")


@pytest.mark.parametrize("written", [r"token=\S+", r"token=\\S+", r"\btoken=\x61[^ ]*", r"to\"?ken=\S+\b"])
def test_a_redactions_regex_is_written_as_re2_reads_it(written: str) -> None:
    """No escape but the backslash's and the quote's own is the language's; a doubled backslash is one."""
    program = program_of(f'redact proc.cmdline matching "{written}"\nroute "r" {{ to x }}')
    kept = Redactor(program.redactions).alert(alert("a", proc__cmdline="x token=abc y"))
    assert kept.fields["proc.cmdline"] == "x *** y"


def test_each_redaction_has_its_own_mask_in_the_line_too() -> None:
    """Not the first one's for all."""
    program = program_of(
        'redact proc.name matching "name-[0-9]+" with "<name>"\nredact proc.args matching "token=[a-z]+" with "<token>"\n'
        'route "r" { to x }'
    )
    original = alert("a", proc__name="name-12", proc__args="token=abc", proc__cmdline="name-12 token=abc")
    assert Redactor(program.redactions).alert(original).output.endswith("<name> <token>")


def test_redacting_output_touches_the_line_only() -> None:
    """``output`` is a name like another."""
    program = program_of('redact output matching "[0-9]+"\nroute "r" { to x }')
    kept = Redactor(program.redactions).alert(alert("a", proc__name="x12"))
    assert (kept.output, kept.fields["proc.name"]) == ("out x***", "x12")
