"""One trace an alert across the router's and the courier's process, received by a collector on loopback."""

from __future__ import annotations

from bridge.delivery import DeliveryState
from tests.cli.commands import run
from tests.e2e.harness import Instance, log_lines
from tests.support.far_side import Answer, FarSide
from tests.support.waiting import wait_until
from tests.tracing.collector import ReceivedSpan, received

ROUTES = """
redact proc.cmdline matching "hunter2+"
route "pages" { when rule exists to hook, bad severity critical }
route "never" { when proc.name = "none-of-these" to hook }
"""


def status_of(instance: Instance) -> str:
    return run("status", "--config", "falco-bridge.yaml", cwd=instance.folder).stdout


def traces(collector: FarSide) -> dict[int, dict[str, ReceivedSpan]]:
    """The spans of each trace by name."""
    found: dict[int, dict[str, ReceivedSpan]] = {}
    for each in received(collector):
        found.setdefault(each.trace, {})[each.span.name] = each
    return found


def test_an_alert_is_followed_to_its_deliveries(instance: Instance) -> None:
    """Both processes name the same trace; a refused attempt is an error; headers come from a secret that rotates."""
    (instance.folder / "otlp-key").write_text("first-otlp-key", encoding="utf-8")
    refusing = FarSide(lambda _request: Answer(400, b"no"))
    with FarSide().serving() as collector, FarSide().serving() as hook, refusing.serving():
        channels = {
            "hook": f"webhook://127.0.0.1:{hook.port}/",
            "bad": f"webhook://127.0.0.1:{refusing.port}/",
        }
        settings = {"endpoint": f"http://127.0.0.1:{collector.port}", "headers": {"X-Key": "${file:otlp-key}"}}
        instance.configure(ROUTES, channels, traces=settings)
        falco = instance.falco("--generate", "--count", "5", "--rate", "100")
        bridge = instance.bridge()
        names = {"alert", "decide", "commit", "deliver hook"}

        def whole() -> list[dict[str, ReceivedSpan]]:
            return [each for each in traces(collector).values() if names <= set(each)]

        wait_until(lambda: len(whole()) >= 5, "five whole traces")
        wait_until(lambda: any("deliver bad" in each for each in whole()), "a refused attempt")
        for spans in whole():
            root = spans["alert"]
            assert {each.parent for name, each in spans.items() if name != "alert"} == {root.id}
            assert spans["decide"].attributes["falco_bridge.decisions"] == ["pages: sent to hook, bad"]
            assert spans["deliver hook"].attributes["falco_bridge.outcome"] == "delivered"
            assert "deliver bad" not in spans or spans["deliver bad"].span.status.code == 2
            assert root.resource["falco_bridge.process"] == "router"
            assert spans["deliver hook"].resource["falco_bridge.process"] == "courier"
            assert root.resource["falco_bridge.label.cluster"] == "test"
        assert {each.headers["x-key"] for each in collector.requests} == {"first-otlp-key"}

        (instance.folder / "otlp-key").write_text("second-otlp-key", encoding="utf-8")
        instance.await_logged("secrets rotated")
        falco.kill()
        instance.falco("--generate", "--count", "5", "--rate", "100", "--seed", "2")
        wait_until(lambda: collector.requests[-1].headers["x-key"] == "second-otlp-key", "the new secret")
        assert instance.stop(bridge) == 0
    assert "first-otlp-key" not in instance.log


def test_a_collector_that_is_gone_delays_nothing(instance: Instance) -> None:
    """Alerts are delivered at their first attempt, and each process logs the failure once."""
    with FarSide().serving() as gone:
        port = gone.port
    with FarSide().serving() as hook:
        channels = {"hook": f"webhook://127.0.0.1:{hook.port}/"}
        instance.configure("otherwise { to hook }\n", channels, traces=f"http://127.0.0.1:{port}")
        instance.falco("--generate", "--count", "50", "--rate", "500")
        bridge = instance.bridge()
        instance.await_kept(50)
        instance.await_settled()
        instance.await_logged("traces not exported")
        wait_until(lambda: "traces: not exported" in status_of(instance), "the problem in the status")
        assert instance.stop(bridge) == 0
    assert {(each.state, each.attempts) for each in instance.deliveries()} == {(DeliveryState.DELIVERED, 1)}
    failures = [each for each in log_lines(instance.log) if each["event"] == "traces not exported"]
    assert len(failures) <= 2
    assert "onnection" in str(failures[0]["problem"])
