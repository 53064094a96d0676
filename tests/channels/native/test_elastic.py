"""The Elasticsearch and OpenSearch channel: documents, ids, indexes, and the outcome of each document of a batch."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.native.elastic.documents import bounded, ecs_document
from bridge.channels.registry import open_channel, problem_with
from bridge.delivery import Delivery, DeliveryState
from bridge.delivery.options import ChannelOptions
from bridge.delivery.service_limits import default_options
from bridge.routing import NotificationContext, NotificationKind
from tests.channels.deliveries import TIME, make_delivery
from tests.courier.working import entry, working
from tests.support.builders import delivery
from tests.support.far_side import Answer, FarSide
from tests.support.search_servers import FakeElastic
from tests.support.waiting import wait_until

LABELS = {"cluster": "eu-1"}


def opened(server: FarSide, query: str = "", path: str = "", login: str = "") -> Channel:
    return open_channel("c", f"elasticsearch://{login}127.0.0.1:{server.port}{path}{query}", LABELS)


def sent(
    elastic: FakeElastic, deliveries: Sequence[Delivery], query: str = "", path: str = "", login: str = ""
) -> Outcome:
    """The outcome of one request."""
    with FarSide(elastic).serving() as server:
        channel = opened(server, query, path, login)
        outcome = channel.send(deliveries)
        channel.close()
    return outcome


def numbered(*numbers: int, output_fields: dict[str, Any] | None = None) -> list[Delivery]:
    """Deliveries of different alerts."""
    fields = {"k8s.ns.name": "payments"} if output_fields is None else output_fields
    return [
        make_delivery(number, output=f"alert {number}", output_fields={"proc.vpid": number, **fields})
        for number in numbers
    ]


def test_a_document_has_fields_of_the_schema() -> None:
    """What Falco calls proc.cmdline is process.command_line there; Falco's own fields have no dots in their names."""
    elastic = FakeElastic()
    fields = {
        "proc.cmdline": "nc -l 1", "proc.pid": 7, "proc.name": "nc", "user.name": "root", "container.id": "3ad7b26ded6d",
        "container.image.repository": "app", "k8s.ns.name": "payments", "k8s.pod.name": "api-0", "fd.sip": "10.0.0.9",
        "fd.sport": 443, "fd.name": "/etc/shadow", "evt.type": "openat", "proc.vpid": 3,
    }  # fmt: skip
    (each,) = numbered(1, output_fields=fields)
    assert sent(elastic, [each]).verdict is Verdict.DELIVERED
    ((key, document),) = elastic.documents.items()
    assert key == f"falco-2026.03.04/{each.alert.id}"
    assert document.pop("falco_bridge")["routes"] == ["route x", "route y"]
    assert document == {
        "@timestamp": TIME,
        "message": "alert 1",
        "ecs": {"version": "8.11.0"},
        "event": {
            "kind": "alert", "module": "falco", "dataset": "falco.alerts", "provider": "syscall", "id": each.alert.id,
            "severity": 99, "action": "openat",
        },
        "log": {"level": "warning"},
        "rule": {"name": "Terminal shell"},
        "observer": {"product": "Falco"},
        "host": {"name": "node-1"},
        "tags": ["shell"],
        "labels": {"cluster": "eu-1"},
        "process": {"name": "nc", "command_line": "nc -l 1", "pid": 7},
        "user": {"name": "root"},
        "container": {"id": "3ad7b26ded6d", "image": {"name": "app"}},
        "orchestrator": {
            "namespace": "payments", "type": "kubernetes", "cluster": {"name": "eu-1"},
            "resource": {"name": "api-0", "type": "pod"},
        },
        "destination": {"ip": "10.0.0.9", "port": 443},
        "file": {"path": "/etc/shadow"},
        "falco": {
            "priority": "warning",
            "source": "syscall",
            "fields": {name.replace(".", "_"): value for name, value in fields.items()} | {"evt_time": 1772600767123456789},
        },
    }  # fmt: skip


def test_a_value_that_does_not_fit_the_schema_is_left_out() -> None:
    """The whole document would be refused. It is still in Falco's fields."""
    hostile = {"proc.pid": "9" * 40, "fd.sip": "not an address", "fd.name": "1.2.3.4:5->6.7.8.9:10", "fd.sport": "http"}
    document = bounded(ecs_document(numbered(1, output_fields=hostile)[0], {}), flat=True)
    assert not {"destination", "file"} & document.keys()
    assert "pid" not in document.get("process", {})
    assert document["falco"]["fields"]["fd_sip"] == "not an address"


def test_values_are_bounded() -> None:
    """A term of more than 32,766 bytes has the document refused by Lucene."""
    body = opened_body([make_delivery(1, output="ä" * 100_000, output_fields={"proc.cmdline": "\U0001f600" * 50_000})])
    document = json.loads(body.splitlines()[1])
    assert len(document["message"].encode()) < 32_766
    assert len(document["falco"]["fields"]["proc_cmdline"].encode()) < 32_766


def opened_body(deliveries: Sequence[Delivery], query: str = "") -> bytes:
    channel = open_channel("c", f"elasticsearch://h{query}", LABELS)
    body: bytes = channel.body(deliveries)  # type: ignore[attr-defined]
    return body


def test_a_repeated_alert_is_one_document() -> None:
    """The second attempt finds it stored, and that is a success; another kind of notification has its own document."""
    elastic = FakeElastic()
    (each,) = numbered(1)
    context = NotificationContext(kind=NotificationKind.RESOLVED, incident="i")
    ended = delivery(each.alert, 2, to=msgspec.structs.replace(each.notification, context=context))
    with FarSide(elastic).serving() as server:
        channel = opened(server)
        outcomes = [channel.send(batch) for batch in ([each], [each], [each, ended], [ended])]
    assert {outcome.verdict for outcome in outcomes} == {Verdict.DELIVERED}
    assert [key.split("/")[1] for key in elastic.documents] == [each.alert.id, f"{each.alert.id}-2"]


def test_each_document_of_a_batch_has_its_own_outcome() -> None:
    """Stored, refused for its type, busy: the reason is that of the document."""
    elastic = FakeElastic()
    first, third = numbered(1, 3)
    second = make_delivery(2, output="alert 2", output_fields={"proc.cmdline": 7, "my.field": 1})
    typed = make_delivery(9, output="alert 9", output_fields={"my.field": "text"})
    elastic.busy.add(third.alert.id)
    assert sent(elastic, [typed], "?names=dotted").verdict is Verdict.DELIVERED
    elastic._types["falco-2026.03.04"]["falco.fields.my.field"] = "long"
    outcome = sent(elastic, [first, second, third], "?names=dotted")
    assert [each.verdict for each in outcome.each] == [Verdict.DELIVERED, Verdict.REJECTED, Verdict.RETRY]
    assert outcome.verdict is Verdict.RETRY
    assert outcome.each[1].reason == (
        "HTTP 400: document_parsing_exception: [1:42] failed to parse field [falco.fields.my.field] of type [long]: "
        "For input string"
    )
    assert outcome.each[2].status == 429


def test_names_with_dots_are_an_object_and_a_value_at_once() -> None:
    """With ``names=dotted`` the index refuses the second alert; without, both are stored."""
    pair = [numbered(1, output_fields={"evt.arg": "x"})[0], numbered(2, output_fields={"evt.arg.path": "/x"})[0]]
    assert sent(FakeElastic(), pair).verdict is Verdict.DELIVERED
    dotted = sent(FakeElastic(), pair, "?names=dotted")
    assert [each.verdict for each in dotted.each] == [Verdict.DELIVERED, Verdict.REJECTED]


def test_an_index_that_takes_nothing_is_a_fault_of_the_channel() -> None:
    """Deliveries wait. A full disk is temporary."""
    faults = [
        sent(FakeElastic(closed=kind), numbered(1, 2)).verdict
        for kind in ("index_closed_exception", "security_exception", "cluster_block_exception")
    ]
    assert faults == [Verdict.CHANNEL_FAULT, Verdict.CHANNEL_FAULT, Verdict.RETRY]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(413), Verdict.REJECTED),
        (Answer(429, b'{"error":{"type":"es_rejected_execution_exception"},"status":429}'), Verdict.RETRY),
        (Answer(503, b"no master"), Verdict.RETRY),
        (Answer(401, b'{"error":{"type":"security_exception"},"status":401}'), Verdict.CHANNEL_FAULT),
        (Answer(403, b'{"error":{"type":"security_exception","reason":"x"},"status":403}'), Verdict.CHANNEL_FAULT),
        (Answer(403, b"<html>firewall</html>"), Verdict.AMBIGUOUS),
        (Answer(200, b"<html>login</html>"), Verdict.RETRY),
        (Answer(200, b'{"errors":false,"items":[]}'), Verdict.RETRY),
        (Answer(200, b'{"errors":true,"items":[{"create":{}}]}'), Verdict.RETRY),
        (Answer(200, b'{"errors":true,"items":[[]]}'), Verdict.RETRY),
    ],
)
def test_answers_for_the_whole_request(answer: Answer, verdict: Verdict) -> None:
    """By status and type of the error; an answer that is not the bulk API's delivers nothing."""
    with FarSide(lambda _: answer).serving() as server:
        assert opened(server).send(numbered(1)).verdict is verdict


def test_the_date_in_the_name_is_that_of_the_alert() -> None:
    """In UTC. Nothing else of an alert chooses an index."""
    for pattern, name in {
        "falco-YYYY.MM": "falco-2026.03",
        "a-YYYY": "a-2026",
        "falco": "falco",
        "x-YYYYMMDD": "x-20260304",
    }.items():
        elastic = FakeElastic()
        assert sent(elastic, numbered(1), f"?index={pattern}", "/prefix/").verdict is Verdict.DELIVERED
        assert [key.split("/")[0] for key in elastic.documents] == [name]
    elastic = FakeElastic()
    sent(elastic, numbered(1), "?stream=logs-falco.alerts-default")
    assert [key.split("/")[0] for key in elastic.documents] == ["logs-falco.alerts-default"]


@pytest.mark.parametrize(
    ("login", "query", "header"),
    [
        ("u:p%40x@", "", f"Basic {base64.b64encode(b'u:p@x').decode()}"),
        ("", "?apikey=VnVhQ2ZHY0JDZGJrU==", "ApiKey VnVhQ2ZHY0JDZGJrU=="),
        ("", "?token=abcdefgh", "Bearer abcdefgh"),
    ],
)
def test_authentication(login: str, query: str, header: str) -> None:
    """By user and password, API key or bearer token; without the right one the channel is at fault."""
    assert sent(FakeElastic(header), numbered(1), query, "", login).verdict is Verdict.DELIVERED
    refused = sent(FakeElastic("Bearer another"), numbered(1), query, "", login)
    assert (refused.verdict, refused.status) == (Verdict.CHANNEL_FAULT, 401)


def test_the_other_formats_are_those_of_a_webhook() -> None:
    """With a timestamp; falcosidekick's dashboards find its members."""
    for form, member in {"falco": "falco_bridge", "falcosidekick": "uuid"}.items():
        document = json.loads(opened_body(numbered(1), f"?format={form}&names=dotted").splitlines()[1])
        assert document["@timestamp"] == TIME
        assert member in document
        assert document["output_fields"]["k8s.ns.name"] == "payments"


def test_the_courier_settles_every_document_of_a_backlog(tmp_path: Path) -> None:
    """A 413 splits the batch, a busy one is sent again, an invalid one is dead with its reason, and none is doubled."""
    entries = [entry(f"alert {number}", "c") for number in range(40)]
    elastic = FakeElastic(limit=9_000, busy={entries[7].alert.id})
    with FarSide(elastic).serving() as server:
        channel = opened(server, "?index=falco")
        elastic._types["falco"] = {"message": "text"}
        invalid = entry("alert 40", "c")
        elastic.documents[f"falco/{entries[3].alert.id}"] = {"stored": "before"}
        options = {"c": ChannelOptions(concurrency=2)}
        with working(tmp_path, [channel], options, entries=[*entries, invalid]) as work:
            wait_until(lambda: not work.undelivered, "every delivery to be settled")
            states = [each.state for each in work.journal.history.deliveries()]
    assert states == [DeliveryState.DELIVERED] * 41
    assert len(elastic.documents) == 41
    assert elastic.requests > 5, "one request would have been larger than the limit"


def test_problems_of_the_url_are_reported_at_start() -> None:
    """And name the remedy."""
    assert "lower-case letters" in str(problem_with("elasticsearch://h?index=Falco"))
    assert "lower-case letters" in str(problem_with("elasticsearch://h?index=_bulk"))
    assert "both `index` and `stream`" in str(problem_with("opensearch://h?index=a&stream=b"))
    assert "keep one" in str(problem_with("opensearchs://u:p@h?apikey=x"))
    assert "one of ecs, falco, falcosidekick" in str(problem_with("opensearchs://h?format=cef"))
    assert problem_with("opensearchs://h:9200/prefix?index=falco-YYYY.MM.DD&-pipeline=geo") is None


def test_it_is_a_channel_that_programs_read() -> None:
    """No rate limit and no digests; few requests in flight, because each holds hundreds."""
    for scheme in ("elasticsearch", "elasticsearchs", "opensearch", "opensearchs", "splunkhec", "splunkhecs"):
        options = default_options(f"{scheme}://h")
        assert (options.rate, options.digest_after) == (None, None)
        assert options.concurrency <= 4
