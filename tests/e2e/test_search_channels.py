"""From Falco to search engines and a webhook with a body of its own, in real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.alert import INTERNAL_SOURCE
from bridge.delivery import DeliveryState
from tests.e2e.harness import Instance
from tests.e2e.test_delivery import SAMPLES, sample_count
from tests.support.certificates import make_authority
from tests.support.far_side import FarSide
from tests.support.search_servers import FakeElastic, FakeSplunk

ROUTES = """
redact proc.cmdline matching "(?s).+"
route "all" { to search, splunk }
route "urgent" { when priority >= critical to hook }
route "later" { when hostname = later to hook }
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def test_every_sample_arrives_once_and_secrets_rotate(instance: Instance) -> None:
    """With mutual TLS and keys from files; redacted fields reach no body, and a new secret is used at once."""
    authority = make_authority(instance.folder)
    pair, elastic, splunk = authority.issue("far"), FakeElastic("ApiKey c2VjcmV0LWtleQ=="), FakeSplunk()
    authority.issue("bridge", passphrase="hunter2hunter2")
    for name, text in {"phrase": "hunter2hunter2", "key": "first-of-the-keys", "elastic": "c2VjcmV0LWtleQ=="}.items():
        (instance.folder / name).write_text(text, encoding="utf-8")
    tls = {"ca": "ca.crt", "cert": "bridge.crt", "key": "bridge.key", "passphrase": "${file:phrase}"}
    servers = FarSide(elastic, pair, authority.certificate), FarSide(splunk), FarSide(None, pair, authority.certificate)
    with servers[0].serving() as search, servers[1].serving() as collector, servers[2].serving() as hook:
        channels = {
            "search": {"url": f"elasticsearchs://localhost:{search.port}?apikey=${{file:elastic}}", "tls": tls},
            "splunk": f"splunkhec://{splunk.token}@127.0.0.1:{collector.port}",
            "hook": {
                "url": f"webhooks://localhost:{hook.port}/x",
                "tls": tls,
                "body": {
                    "key": "${file:key}",
                    "alert": "%alert",
                    "text": "%rule: %proc.cmdline",
                    "on": "%label.cluster",
                },
            },
        }
        instance.configure(ROUTES, channels, log={"level": "debug", "format": "json"})
        falco = instance.falco(str(SAMPLES))
        bridge = instance.bridge()
        instance.await_kept(sample_count())
        instance.await_settled()
        (instance.folder / "key").write_text("second-of-the-keys", encoding="utf-8")
        instance.await_logged("secrets rotated")
        falco.kill()
        falco.wait()
        (instance.folder / "falco.sock").unlink(missing_ok=True)
        instance.falco("--generate", "--count", "1", "--hostname", "later")
        instance.await_kept(sample_count() + 1)
        instance.await_settled()
        assert instance.stop(bridge) == 0, instance.log
    assert {each.state for each in instance.deliveries()} == {DeliveryState.DELIVERED}
    alerts = {each.alert.id for each in instance.kept() if each.alert.source != INTERNAL_SOURCE}
    assert {key.split("/")[1] for key in elastic.documents} == alerts
    assert len(splunk.events) == len(alerts)
    assert {request.certificate for request in (*search.requests, *hook.requests)} == {"bridge"}
    posted = [json.loads(request.body) for request in hook.requests]
    assert {each["key"] for each in posted[:-1]} == {"first-of-the-keys"}
    assert (posted[-1]["key"], posted[-1]["alert"]["hostname"]) == ("second-of-the-keys", "later")
    assert {each["on"] for each in posted} == {"test"}
    assert {each["text"].rpartition(": ")[2] for each in posted} <= {"***", "<NA>"}
    everything = instance.log + " ".join(instance.attempts())
    assert [each for each in ("hunter2", "of-the-keys", "c2VjcmV0", splunk.token) if each in everything] == []
