"""Text alerts are completed from Falco's rules where the text is unambiguous."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.text_form import decode_text
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules
from bridge.language.falco.text_alerts import TextAlerts
from bridge.sources.line_reader import LineReader
from bridge.sources.lines import LineSplitter
from bridge.sources.payload import Payload
from tests.support.recordings import RECORDS, grpc_messages, http_bodies

RECORDED = """
- {rule: Tick any, source: tick, priority: WARNING, tags: [zz, tick, aa], output: "tick seq=%tick.seq msg=%tick.msg none=%tick.none empty=%tick.empty list=%tick.list even=%tick.even rel=%tick.reltime abs=%tick.abstime num=%evt.num time=%evt.time"}
- {rule: T warn brk, priority: WARNING, output: "brk by %proc.name a=%evt.arg[0] hex=%evt.arg.vm_size"}
- {rule: T cat open, priority: INFO, output: "cat opened %fd.name time=%evt.time iso=%evt.time.iso8601 raw=%evt.rawtime dt=%evt.datetime s=%evt.time.s gid=%group.gid loginuid=%user.loginuid dur=%evt.duration pname=%proc.pname exeargs=%proc.args ip=%fd.sip port=%fd.sport"}
- {rule: T exit debug, priority: DEBUG, output: "bye %proc.name status=%evt.arg.status"}
"""
NASTY = """
- {rule: Tick nasty, source: tick, priority: WARNING, output: "tick seq=%tick.seq nasty=%tick.nasty msg=%tick.msg none=%tick.none empty=%tick.empty list=%tick.list even=%tick.even rel=%tick.reltime abs=%tick.abstime num=%evt.num time=%evt.time"}
"""
SHELL = """
- {rule: shell, priority: NOTICE, tags: [b, a], output: "shell (user=%user.name command=%proc.cmdline parent=%proc.pname)"}
- {rule: other, priority: NOTICE, output: "file %fd.name"}
- {rule: twice, priority: ERROR, output: "a %proc.name b"}
- {rule: again, priority: ERROR, output: "a %proc.pname b"}
- {rule: plain, priority: ALERT, output: nothing to see}
- {rule: odd, priority: CRITICAL, output: "%proc.name: 100%% %20user.name %tolower(fd.name) %proc.name."}
"""


def rules(text: str, more: str = "") -> TextAlerts:
    read = read_rules((SourceText("rules.yaml", text), SourceText("falco.yaml", more)))
    assert isinstance(read, FalcoRules), read
    return TextAlerts(read.rules.values())


def alert(output: str, known: TextAlerts | None = None) -> Alert:
    found = decode_text(f"10:00:00.000000000: {output}".encode(), 10**18)
    assert isinstance(found, Alert)
    return (known or rules(SHELL)).completed(found)


def written(name: str) -> list[Alert]:
    """The lines of a recorded standard output of Falco."""
    payload, reader = Payload(), LineReader()
    for each in LineSplitter().feed((RECORDS / f"{name}.stdout.txt").read_bytes()):
        reader.take(each, 10**18, payload)
    return payload.alerts


@pytest.mark.parametrize("name", ["tick_text", "cat_text", "tick_invalid_utf8_text"])
def test_completed_text_alerts_equal_those_by_grpc(name: str) -> None:
    """Rule, source, tags and all fields are recovered, including hostile bytes and line breaks."""
    known, completed = rules(NASTY if "utf8" in name else RECORDED), 0
    messages = {
        found.time_ns % 86_400_000_000_000: found
        for each in grpc_messages(name)
        if isinstance(found := decode_grpc(each, 0), Alert)
    }
    for read in written(name):
        found, same = known.completed(read), messages.get(read.time_ns % 86_400_000_000_000)
        if same is None or not found.rule:
            continue
        completed += 1
        assert (found.rule, found.source, found.priority) == (same.rule, same.source, same.priority)
        assert found.fields.items() <= same.fields.items()
        assert found.fields == same.fields
    assert completed >= 2


def test_internal_messages_of_falco_are_decoded_completely() -> None:
    """A metrics snapshot is equal by text and by gRPC, except for the day. A part of one is not recognized."""
    lines = [body for body in http_bodies("metrics_text") if b"metrics snapshot" in body]
    by_text = [found for line in lines if isinstance(found := decode_text(line, 10**18), Alert)]
    by_grpc = [found for each in grpc_messages("metrics_text") if isinstance(found := decode_grpc(each, 0), Alert)]
    snapshots = [each for each in by_grpc if each.source == "internal"]
    assert by_text
    assert all(each.source == "internal" and each.hostname == "vm" for each in by_text)
    assert {each.rule for each in by_text} == {each.rule for each in snapshots}
    assert {frozenset(each.fields) for each in by_text} == {frozenset(each.fields) for each in snapshots}
    assert decode_text(lines[0][:-1], 0).rule == ""  # type: ignore[union-attr]
    assert decode_text(lines[0].replace(b"Informational", b"Notice"), 0).rule == ""  # type: ignore[union-attr]


def test_unambiguous_values_are_set() -> None:
    """Missing values are left out, and the properties of the rule are set."""
    found = alert("Notice shell (user=root command=sh -c ls parent=<NA>)")
    assert (found.rule, found.source, found.tags) == ("shell", "syscall", ("a", "b"))
    assert found.fields == {"user.name": "root", "proc.cmdline": "sh -c ls"}
    assert found.id != alert("Notice shell (user=root command=sh -c ls parent=<NA>)", TextAlerts(())).id
    assert alert("Alert nothing to see").rule == "plain"
    assert alert("Alert nothing to see here").rule == ""
    assert alert("Critical sh: 100% root                 /ETC sh.").fields == {"proc.name": "sh"}


def test_ambiguous_values_are_left_out() -> None:
    """A hostile value can hide itself and its neighbours but forges none of them."""
    forged = alert("Notice shell (user=bob command=sh parent=init) command=x parent=evil)")
    assert (forged.rule, dict(forged.fields)) == ("shell", {})
    assert alert("Notice shell (user=bob command=sh parent=a parent=b)").fields == {"user.name": "bob"}
    assert alert("Notice file /tmp/x k8s_ns_name=prod").fields == {}
    assert alert("Error a sh b").rule == ""
    swallowed = decode_text(http_bodies("tick_invalid_utf8_text")[0], 0)
    assert isinstance(swallowed, Alert)
    assert rules(RECORDED + NASTY).completed(swallowed).rule == ""
    assert alert("Warning shell (user=root command=sh parent=init)").rule == ""
    assert alert("Critical sh: 100% x y bash.").rule == ""
    json = decode_text(b'10:00:00.000000000: Notice {"rule":"shell"}', 0)
    assert isinstance(json, Alert)
    assert rules(SHELL).completed(json).rule == ""


def test_appended_fields_are_known_from_falco_yaml() -> None:
    """``append_output`` of falco.yaml is part of the pattern; if unknown, it hides the last value."""
    output = "Notice file /tmp/x ns=prod"
    more = "append_output: [{match: {rule: other}, extra_output: 'ns=%k8s.ns.name'}]"
    assert alert(output, rules(SHELL, more)).fields == {"fd.name": "/tmp/x", "k8s.ns.name": "prod"}
    assert alert(output).fields == {}
    tail = alert("Notice shell (user=root command=ls parent=sh) container_id=abc container_name=web")
    assert tail.fields == {"user.name": "root", "proc.cmdline": "ls", "proc.pname": "sh"}


PIECES = ["a", " command=", " parent=", ")", "(", " ", "shell (user=", "\n", " x=1", "<NA>", "file ", "é"]


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=5).map("".join), min_size=3, max_size=3),
    st.sampled_from(["", " k=v", " k=v)"]),
)
def test_no_value_is_ever_wrong(values: list[str], tail: str) -> None:
    """No value is ever wrong, whatever the values and Falco's additions are."""
    user, command, parent = values
    found = alert(f"Notice shell (user={user} command={command} parent={parent}){tail}")
    assert found.rule == "shell"
    meant = {"user.name": user, "proc.cmdline": command, "proc.pname": parent}
    assert all(meant[name] == value for name, value in found.fields.items())


def test_a_hostile_line_is_read_in_linear_time() -> None:
    """A quarter of a megabyte of words of the pattern is processed in linear time."""
    known = rules(SHELL + RECORDED)
    lines = [piece * (250_000 // len(piece)) for piece in (" parent=", ")", ") k=", " k", "shell (user= command=")]
    before = time.process_time()
    for line in lines:
        alert("Notice shell (user=" + line, known)
    assert time.process_time() - before < 5.0
