"""Inputs from public reports, in the forms in which Falco and log shippers write them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bridge.alert import Alert, Priority
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.forms.message import decode_message
from bridge.alert.malformed import Malformed
from bridge.alert.wire.outputs_pb2 import response
from bridge.sources.line_reader import LineReader
from bridge.sources.lines import LineSplitter
from bridge.sources.payload import Payload, read_body

INPUTS = Path(__file__).parents[1] / "data" / "inputs"
NOW = 1_795_438_000_000_000_000
REFUSED = {"15-ancient-fields-only"}


def by_lines(data: bytes) -> Payload:
    """As the file source and the stdin source read them."""
    splitter, reader, payload = LineSplitter(), LineReader(), Payload()
    for line in (*splitter.feed(data), *splitter.end()):
        reader.take(line, NOW, payload)
    reader.end(NOW, payload)
    return payload


def by_body(data: bytes) -> Payload:
    """As the http source and the socket source read them."""
    return read_body(data, NOW)


READERS = pytest.mark.parametrize("read", [by_lines, by_body])


def read_case(name: str) -> bytes:
    return (INPUTS / name).read_bytes()


def alert(**members: object) -> Alert:
    given = {"rule": "r", "priority": "Notice", "output": "o", "time": "2026-01-01T00:00:00.000000001Z"}
    found = decode_json(json.dumps({**given, "output_fields": {}, **members}).encode(), NOW)
    assert isinstance(found, Alert)
    return found


@READERS
@pytest.mark.parametrize("path", sorted((INPUTS / "alerts").iterdir()), ids=lambda path: path.stem)
def test_every_reported_alert_is_read(path: Path, read: object) -> None:
    """With its rule and a priority that it names; without rule and text it is rejected with a reason."""
    data = path.read_bytes()
    payload = by_lines(data) if read is by_lines else by_body(data)
    if path.stem in REFUSED:
        assert not payload.alerts
        assert [each.reason for each in payload.rejected] == ["has neither a rule nor an output text"]
        return
    assert not payload.rejected
    assert len(payload.alerts) == data.count(b'"priority"')
    assert all(each.priority is not Priority.EMERGENCY for each in payload.alerts)


def test_priorities_in_other_spellings() -> None:
    """Upper case, those of syslog and rules files, numbers, and a list with one item."""
    payload = by_body(read_case("alerts/08-priority-case.json"))
    assert [str(each.priority) for each in payload.alerts] == [
        "Warning", "Informational", "Informational", "Warning", "Warning",
    ]  # fmt: skip
    for spelling, expected in ({"EMERG": 0, "EMERGENCY": 0, "crit": 2, "ERR": 3, "0": 0, "7": 7}).items():
        assert alert(priority=spelling).priority == expected
    assert alert(priority=["Notice"]).priority is Priority.NOTICE


@pytest.mark.parametrize("priority", [None, "", "fatal", 8, -1, True, {}, []])
def test_a_missing_priority_is_not_the_worst(priority: object) -> None:
    """Falco always writes one."""
    assert alert(priority=priority).priority is Priority.WARNING


def test_an_old_audit_alert_is_recognized_by_its_fields() -> None:
    """Falco before 0.31 wrote no source."""
    (found,) = by_body(read_case("alerts/01-k8saudit-na-jevt.json")).alerts
    assert found.source == "k8s_audit"
    assert alert(output_fields={"jevt.time": "1"}).source == "k8s_audit"
    assert alert(output_fields={"kaput.time": "1"}).source == "syscall"
    assert alert(output_fields={"ka.verb": "get"}, source="other").source == "other"


@READERS
def test_log_lines_of_other_programs_are_rejected(read: object) -> None:
    """Although they have members with the same names. A shipper's record of an alert is the alert."""
    payload = (by_lines if read is by_lines else by_body)(read_case("split/s2-foreign-json.jsonl"))
    assert [(each.rule, each.priority) for each in payload.alerts] == [("Vector message key", Priority.NOTICE)]
    assert [each.reason for each in payload.rejected] == ["is JSON, but not an alert of Falco"] * 6


@pytest.mark.parametrize(
    "record",
    [
        {"output": "ok"},
        {"message": "listening"},
        {"time": "2026-01-01T00:00:00Z", "message": "x", "priority": "info", "facility": "daemon"},
        {"output": "x", "output_fields": {}},
        {"rule": "r", "level": "warn"},
        {"rule": "r", "priority": "Critical", "output": "o", "source": "syscall", "action": "Terminate"},
    ],
)
def test_an_alert_is_recognized_by_what_only_falco_writes(record: dict[str, object]) -> None:
    """Its fields; or, if Falco is configured to omit them, no member that is not Falco's."""
    assert isinstance(decode_json(json.dumps(record).encode(), NOW), Malformed)


INNER = json.dumps({"rule": "inner", "priority": "Error", "output": "o", "output_fields": {"proc.name": "sh"}})
TEXT = "10:10:24.123456789: Error text (user=root)"


def packed(record: object, *, gzipped: bool = False) -> str:
    data = json.dumps(record).encode()
    return base64.b64encode(gzip.compress(data) if gzipped else data).decode()


@READERS
@pytest.mark.parametrize(
    "record",
    [
        {"date": 1.5, "log": INNER},
        {"log": INNER + "\n", "stream": "stdout"},
        {"log": "2026-01-01T00:00:00.1Z stdout F " + INNER},
        {"message": INNER, "host": "n"},
        {"message": json.loads(INNER), "host": "n"},
        {"MESSAGE": INNER, "PRIORITY": "6", "_HOSTNAME": "n"},
        {"MESSAGE": list(INNER.encode()), "PRIORITY": "6"},
        {"message": json.dumps({"log": INNER}), "@timestamp": "2026-01-01T00:00:00Z"},
        {"priority": "info", "hostname": "h", "message": INNER},
        {"jsonPayload": json.loads(INNER), "logName": "l"},
        {"log_processed": json.loads(INNER), "log": "unreadable"},
        {"short_message": INNER, "version": "1.1"},
        {"body": INNER, "severity_text": "info"},
        {"body": json.loads(INNER), "severity_text": "info"},
        {"body": {"stringValue": INNER}, "timeUnixNano": "1"},
        {"logEvents": [{"id": "1", "timestamp": 1, "message": INNER}], "messageType": "DATA_MESSAGE", "owner": "1"},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": INNER}}]}]}]},
        {"textPayload": INNER, "logName": "l"},
        {"event": INNER, "sourcetype": "falco"},
        {"message": INNER, "nodeName": "n", "podName": "falco-abcde", "containerName": "falco", "labels": {"a": "b"}},
        {"pod": "falco-abcde", "container": "falco", "message": json.loads(INNER)},
        {
            "@timestamp": "t",
            "message": INNER,
            "log": {"offset": 1, "file": {"path": "/x"}},
            "agent": {"type": "filebeat"},
        },
        {"@timestamp": "t", "json": json.loads(INNER), "log": {"offset": 1}},
        {"@version": "1", "message": INNER, "event": {"original": INNER}},
        {"message": INNER, "kubernetes": {"pod_name": "f"}, "source_type": "kubernetes_logs", "file": "/x"},
        {
            "events": [{"logStreamName": "s", "timestamp": 1, "message": INNER, "eventId": "3"}],
            "searchedLogStreams": [],
        },
        {"logEvents": [{"message": json.dumps({"log": INNER, "kubernetes": {"pod_name": "f"}})}]},
        {"awslogs": {"data": packed({"messageType": "DATA_MESSAGE", "logEvents": [{"message": INNER}]}, gzipped=True)}},
        {"requestId": "r", "timestamp": 1, "records": [{"data": packed(json.loads(INNER))}]},
        {"requestId": "r", "records": [{"data": packed({"logEvents": [{"message": INNER}]}, gzipped=True)}]},
        {
            "message": {"data": packed(json.loads(INNER)), "messageId": "1"},
            "subscription": "projects/p/subscriptions/s",
        },
        {"Type": "Notification", "TopicArn": "arn", "Message": INNER, "SignatureVersion": "1"},
        {"specversion": "1.0", "type": "falco.rule.output.v1", "source": "falco.org", "data": json.loads(INNER)},
        {"detail-type": "falco", "source": "x", "detail": json.loads(INNER)},
        {"TimeGenerated": "t", "LogMessage": INNER, "ContainerName": "falco"},
        {"labels": {"app": "falco"}, "line": INNER, "timestamp": "t"},
    ],
)
def test_a_shippers_record_of_an_alert_is_the_alert(record: dict[str, object], read: object) -> None:
    """With the rule and the priority of the alert, not those of the record. In an array too."""
    reader = by_lines if read is by_lines else by_body
    for data in (json.dumps(record), json.dumps([record])):
        payload = reader(data.encode())
        assert [(each.rule, each.priority, dict(each.fields)) for each in payload.alerts] == [
            ("inner", Priority.ERROR, {"proc.name": "sh"})
        ]
        assert not payload.rejected


OTHER = "listening on :8080"


@READERS
@pytest.mark.parametrize(
    "request_of",
    [
        lambda lines: {"logEvents": [{"message": line} for line in lines]},
        lambda lines: {
            "resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": line}}]}]} for line in lines]
        },
    ],
    ids=["cloudwatch", "opentelemetry"],
)
def test_a_request_of_many_records_gives_every_alert(
    request_of: Callable[[Sequence[str]], dict[str, object]], read: object
) -> None:
    """What is neither an alert nor from Falco's log is rejected, alone."""
    reader = by_lines if read is by_lines else by_body
    lines = [INNER, OTHER, "Fri May 17 08:16:53 2024: Falco version: 0.37.1", TEXT, INNER]
    payload = reader(json.dumps(request_of(lines)).encode())
    assert [each.rule for each in payload.alerts] == ["inner", "", "inner"]
    assert [each.raw for each in payload.rejected] == [OTHER.encode()]
    none = reader(json.dumps(request_of([OTHER, OTHER])).encode())
    assert (len(none.alerts), len(none.rejected)) == (0, 1)
    many = reader(json.dumps(request_of([INNER[:9]] * 10_001)).encode())
    assert (len(many.alerts), len(many.rejected)) == (0, 1)


def test_a_message_that_checks_the_receiver_is_no_alert() -> None:
    """CloudWatch sends one before the first events."""
    event = {"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}
    record = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logEvents": [event]}
    payload = by_lines(json.dumps(record).encode())
    assert (payload.alerts, payload.rejected) == ([], [])


def test_a_small_record_that_unpacks_to_a_large_one_is_rejected() -> None:
    """Without the memory for it."""
    bomb = base64.b64encode(gzip.compress(b"[" * 50_000_000)).decode()
    for record in ({"awslogs": {"data": bomb}}, {"records": [{"data": bomb}] * 100}, {"message": {"data": bomb}}):
        payload = by_lines(json.dumps(record).encode())
        assert (len(payload.alerts), len(payload.rejected)) == (0, 1)


@READERS
@pytest.mark.parametrize(
    "line",
    [
        f"kube.var.log.falco: [1714732295.913486795, {json.dumps({'log': INNER})}]",
        f"kube.var.log.falco: [[1714732295.913486795, {{}}], {json.dumps({'log': INNER})}]",
        "\x1e" + json.dumps({"MESSAGE": INNER}),
        json.dumps({"logEvents": [{"message": INNER}]}) * 2,
    ],
    ids=["Fluent Bit's file", "with metadata", "journalctl json-seq", "Firehose's objects"],
)
def test_lines_that_are_more_than_a_record(line: str, read: object) -> None:
    """Fluent Bit's file output, record separators, and records without a line break between them."""
    payload = (by_lines if read is by_lines else by_body)(f"{line}\n".encode())
    assert {each.rule for each in payload.alerts} == {"inner"}
    assert not payload.rejected


def test_an_opentelemetry_value_is_read_as_json() -> None:
    """As the parser of the collector leaves a line that was JSON."""

    def value(plain: object) -> dict[str, object]:
        match plain:
            case str():
                return {"stringValue": plain}
            case int():
                return {"intValue": str(plain)}
            case list():
                return {"arrayValue": {"values": [value(each) for each in plain]}}
            case dict():
                return {"kvlistValue": {"values": [{"key": key, "value": value(each)} for key, each in plain.items()]}}
        raise AssertionError(plain)

    plain = {"rule": "r", "priority": "Error", "tags": ["a", "b"], "output_fields": {"proc.pid": 7, "proc.name": "sh"}}
    record = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value(plain)}]}]}]}
    (found,) = by_lines(json.dumps(record).encode()).alerts
    assert (found.rule, found.tags, dict(found.fields)) == ("r", ("a", "b"), {"proc.pid": "7", "proc.name": "sh"})
    deep: object = "x"
    for _ in range(60):
        deep = [deep]
    record = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value(deep)}]}]}]}
    assert not by_lines(json.dumps(record).encode()).alerts


def test_a_shippers_record_of_a_text_alert_or_of_falcos_log() -> None:
    """The text is decoded in the zone of the source; a log line is skipped."""
    (found,) = by_lines(json.dumps({"log": TEXT, "k": 1}).encode()).alerts
    assert (found.output, found.priority) == (TEXT, Priority.ERROR)
    skipped = by_lines(json.dumps({"log": "Fri May 17 08:16:53 2024: Falco version: 0.37.1"}).encode())
    assert (skipped.alerts, skipped.rejected) == ([], [])
    nested = INNER
    for _ in range(5):
        nested = json.dumps({"log": nested})
    assert [each.reason for each in by_lines(nested.encode()).rejected] == ["has neither a rule nor an output text"]


@READERS
@pytest.mark.parametrize("name", ["files/fluent.json", "files/vector.json", "files/bom.log", "files/crlf.log",
                                  "files/docker-tty.log", "files/nul.log"])  # fmt: skip
def test_files_that_hold_alerts_only(name: str, read: object) -> None:
    """Every alert once, and nothing else."""
    data = read_case(name)
    payload = (by_lines if read is by_lines else by_body)(data)
    assert len(payload.alerts) == data.count(b"priority")
    assert all(each.rule for each in payload.alerts)
    assert not payload.rejected


def test_container_logs() -> None:
    """Joined parts, both streams, members in any order, and a last part whose end never comes."""
    assert [each.rule for each in by_lines(read_case("files/cri.log")).alerts] == [
        "CRI parts", "CRI zone", "", "CRI no F",
    ]  # fmt: skip
    assert [each.rule for each in by_lines(read_case("files/cri-tty.log")).alerts] == ["CRI tty", ""]
    assert [each.rule for each in by_lines(read_case("files/docker.log")).alerts] == [
        "Docker line", "Docker parts", "Docker attrs", "Docker order",
    ]  # fmt: skip


@READERS
def test_prefixes_of_log_programs_are_cut_off(read: object) -> None:
    """Of syslog, stern, kubectl and compose."""
    reader = by_lines if read is by_lines else by_body
    assert [each.rule for each in reader(read_case("files/stern.log")).alerts] == [
        "stern prefix", "kubectl --prefix", "compose prefix",
    ]  # fmt: skip
    syslog = reader(read_case("files/syslog.log")).alerts
    assert [each.priority for each in syslog] == [Priority.ERROR, Priority.WARNING, Priority.NOTICE]
    assert syslog[0].output.startswith("20:33:20.106330811: Error File below")


@READERS
@pytest.mark.parametrize("content", [INNER, TEXT], ids=["json", "text"])
@pytest.mark.parametrize(
    "prefix",
    [
        "Nov  7 10:00:02 node-1 falco: ",
        "<109>Nov 27 10:00:02 node-1 falco[12]: ",
        "<109>1 2026-11-27T10:00:01.123456+00:00 node-1 falco 12 - - ",
        "2026-11-27T10:00:02+0000 node-1 falco[12]: ",
        "[ 5317.123456] node-1 falco[12]: ",
        "Fri 2026-11-27 10:00:02 UTC node-1 falco[12]: ",
        "Fri 2026-11-27 10:00:02 CET node-1 falco-modern-bpf.service[12]: ",
        "1795438000.123456 node-1 falco[12]: ",
        '<109>1 2026-11-27T10:00:01Z node-1 falco 12 ID47 [a@1 b="\\"\\]"][c@1 d="e"] \ufeff',
        "Nov 27 10:00:02 node-1 falco[12]: @cee: ",
        "Nov 27 10:00:02 node-1 daemon.err falco[12]: ",
        "2022-01-21T10:10:24.993695084Z ",
        "[pod/falco-abcde/falco] ",
        "[pod/falco-abcde/falco] 2022-01-21T10:10:24.993695084Z ",
        "2022-01-21T10:10:24+00:00\tkube.falco\t",
        "2022-01-21T10:10:24+00:00\t",
        "falco_1 | ",
        "falco-1  | 2022-01-21T10:10:24.993695084Z ",
        "falco-abcde falco ",
        "falco falco-abcde falco ",
        "falco-abcde falco 2022-01-21T10:10:24.993695084Z ",
        "falco-abcde falco 01-21 10:10:24 ",
        "falco falco-abcde falco 01-21 10:10:24 ",
        "falco/falco-abcde[falco]: ",
        "[falco-abcde] ",
        "[falco-abcde falco] ",
        "2022-01-21T10:10:24.993000+00:00 falco/falco/0123456789abcdef ",
        "2022-01-21T10:10:24 ",
        "falco.1.k3x@node-1    | ",
        "\x1b[36mfalco-1  | \x1b[0m",
        "\x1b[32mfalco-abcde\x1b[0m \x1b[32mfalco\x1b[0m ",
        "\x1b[0m",
    ],
)
def test_known_prefixes(prefix: str, content: str, read: object) -> None:
    """Alone, or one behind the other; also with colour codes."""
    payload = (by_lines if read is by_lines else by_body)((prefix + content + "\n").encode())
    assert not payload.rejected
    assert [each.output for each in payload.alerts] == ["o" if content == INNER else TEXT]


@pytest.mark.parametrize("content", [INNER, TEXT])
@pytest.mark.parametrize(
    "prefix",
    ["sshd: failed login of ", "Nov 27 10:00:02 node-1 sshd[12]: ", "a=1 b=2 c=3 d=", "[worker] ", "x/api-0[api]: "],
)
def test_an_alert_behind_an_unknown_prefix_is_quarantined(prefix: str, content: str) -> None:
    """It may be forged by whom another program logs."""
    payload = by_lines((prefix + content + "\n").encode())
    assert (payload.alerts, [each.raw for each in payload.rejected]) == ([], [(prefix + content).encode()])
    assert "prefix that is not known" in payload.rejected[0].reason


def test_a_value_with_a_line_break_behind_a_prefix() -> None:
    """Every line has the prefix; the next line of syslog is another program's."""
    first, second = TEXT[:-5], "rest) [x]"
    for prefix in ("falco-1  | ", "2022-01-21T10:10:24.99Z ", "[pod/a/b] "):
        (found,) = by_lines(f"{prefix}{first}\n{prefix}{second}\n".encode()).alerts
        assert found.output == f"{first}\n{second}"
    syslog = "Nov 27 10:00:02 node-1 falco: "
    (found,) = by_lines(f"{syslog}{first}\n{syslog}{second}\nNov 27 10:00:02 node-1 sshd: x\n".encode()).alerts
    assert found.output == first


@READERS
def test_glued_lines_are_split(read: object) -> None:
    """Two objects on a line, and an object behind a line of Falco's log about drops, which are counted."""
    payload = (by_lines if read is by_lines else by_body)(read_case("files/glued.log"))
    assert [(each.rule, each.fields.get("n_drops")) for each in payload.alerts] == [
        ("Glued one", None), ("Glued two", None), ("Falco internal: syscall event drop", "31"), ("Glued three", None),
    ]  # fmt: skip
    assert not payload.rejected


def test_what_is_glued_to_an_alert_and_cannot_be_read_is_quarantined() -> None:
    """The alerts are read."""
    for line, alerts, rejected in (
        (INNER + INNER[:29], 1, [INNER[:29]]),
        (INNER + " trailing", 1, ["trailing"]),
        (INNER + '{"level":"info"}' + INNER, 2, ['{"level":"info"}']),
        (INNER[:30] + INNER, 0, [INNER[:30] + INNER]),
        (INNER * 1500, 1000, [INNER * 500]),
    ):
        payload = by_lines(line.encode())
        assert (len(payload.alerts), [each.raw.decode() for each in payload.rejected]) == (alerts, rejected)


@READERS
def test_falcos_log_is_skipped(read: object) -> None:
    """It does not become part of a text alert either."""
    payload = (by_lines if read is by_lines else by_body)(read_case("files/textmix.txt"))
    assert [each.output.rpartition(" ")[2] for each in payload.alerts] == ["file=/etc/shadow)", "(user=root)"]
    assert (payload.rejected, payload.unrecognized) == ([], 0)


@READERS
def test_all_messages_of_falco_about_itself_are_internal(read: object) -> None:
    """As text in every form, with the counts of dropped events as by JSON."""
    reader = by_lines if read is by_lines else by_body
    payload = reader(read_case("split/s3-internal-text.txt"))
    assert [(each.source, each.rule) for each in payload.alerts] == [
        ("internal", "Falco internal: syscall event drop"),
        ("internal", "Falco internal: syscall event drop"),
        ("internal", "Falco internal: timeouts notification"),
        ("internal", "Falco internal: hot restart failure"),
    ]
    assert sum(int(each.fields.get("n_drops", "0")) for each in payload.alerts) == 10
    older = reader(read_case("files/oldcritdrop.txt")).alerts
    assert {each.source for each in older} == {"internal"}
    assert sum(int(each.fields.get("n_drops", "0")) for each in older) == 19


def test_tags_and_text_distinguish_alerts_with_coarse_times() -> None:
    """Plugins have clocks of seconds to microseconds. With nanoseconds the content decides, as by gRPC."""
    coarse, fine = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789Z"
    for time, count in ((coarse, 3), ("2026-01-01T00:00:00.123456Z", 3), (fine, 1)):
        fields = {"ct.user": "a"}
        ids = {
            alert(time=time, output_fields=fields, source="aws_cloudtrail", **more).id
            for more in ({}, {"output": "other"}, {"tags": ["aws"]})
        }
        assert len(ids) == count


def test_fields_that_formats_print_differently_are_no_part_of_the_id() -> None:
    """And an empty ``fd.types`` is ``()`` by gRPC and null by JSON."""
    message = response(rule="r", priority=5, output="o", source="syscall", hostname="n")
    message.time.seconds, message.time.nanos = 1_767_225_600, 1
    shown = {"evt.deltatime.ns": "000000000", "evt.reltime": "0.0", "proc.fdusage": "0.10", "thread.cpu.user": "1.5"}
    message.output_fields.update({"proc.name": "sh", "fd.types": "()", **shown})
    by_grpc = decode_grpc(message.SerializeToString(), NOW)
    typed = {"evt.deltatime.ns": 0, "evt.reltime": 0, "proc.fdusage": 0.1, "thread.cpu.user": 1.50001}
    by_json = alert(source="syscall", hostname="n", output_fields={"proc.name": "sh", "fd.types": None, **typed})
    assert isinstance(by_grpc, Alert)
    assert by_grpc.id == by_json.id
    assert by_grpc.get("fd.types") is None
    assert by_json.get("proc.fdusage") == "0.1"
    assert by_json.id != alert(source="syscall", hostname="n", output_fields={"proc.name": "bash"}).id


def test_a_process_may_be_named_na() -> None:
    """By JSON that is a value. Other fields print it for a missing value. It does not change the id."""
    by_json = alert(output_fields={"proc.name": "<NA>", "user.name": "<NA>", "fd.name": "f"})
    assert dict(by_json.fields) == {"proc.name": "<NA>", "fd.name": "f"}
    assert by_json.id == alert(output_fields={"fd.name": "f"}).id
    assert decode_message(json.dumps({"rule": "r", "output_fields": {"proc.name": None}}).encode(), NOW)
