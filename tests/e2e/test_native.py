"""The bridge's own channels, from Falco to what their services receive, in real processes."""

from __future__ import annotations

import gzip
import json

from bridge.simulate.samples import samples_folder
from tests.e2e.harness import Instance
from tests.support.far_side import FarSide

SAMPLES = samples_folder() / "alerts.jsonl"


def play(instance: Instance) -> None:
    """Every sample from Falco to the journal, every delivery settled, everything stopped."""
    instance.falco(str(SAMPLES))
    bridge = instance.bridge()
    instance.await_kept(sum(1 for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line.strip()))
    instance.await_settled()
    assert instance.stop(bridge) == 0, instance.log


def test_a_webhook_receives_falcos_objects_in_batches(instance: Instance, far_side: FarSide) -> None:
    """Every sample once, as Falco wrote it."""
    instance.configure('route "all" { to hook }\n', {"hook": f"webhook://127.0.0.1:{far_side.port}/?batch=array"})
    play(instance)
    bodies = [body for request in far_side.requests for body in json.loads(request.body)]
    said = sorted(str(json.loads(line)["rule"]) for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line)
    kept = {each.alert.id for each in instance.kept() if each.decisions}
    assert {body["falco_bridge"]["id"] for body in bodies} == kept
    assert len(bodies) == len(kept)
    assert {body["rule"] for body in bodies} <= set(said)
    assert {body["falco_bridge"]["labels"]["cluster"] for body in bodies} == {"test"}


def test_loki_and_alertmanager_receive_every_alert(instance: Instance, far_side: FarSide) -> None:
    """From one bridge, each in the form of its API."""
    here = f"127.0.0.1:{far_side.port}"
    instance.configure('route "all" { to logs, am }\n', {"logs": f"loki://{here}", "am": f"alertmanager://{here}"})
    play(instance)
    kept = {each.alert.id for each in instance.kept() if each.decisions}
    lines, alerts = [], []
    for request in far_side.requests:
        if request.path == "/loki/api/v1/push":
            zipped = request.headers.get("Content-Encoding") == "gzip"
            body = json.loads(gzip.decompress(request.body) if zipped else request.body)
            lines += [json.loads(line) for stream in body["streams"] for _time, line in stream["values"]]
        else:
            assert request.path == "/api/v2/alerts"
            alerts += json.loads(request.body)
    assert sorted(line["falco_bridge"]["id"] for line in lines) == sorted(kept)
    assert sorted(alert["annotations"]["alert_id"] for alert in alerts) == sorted(kept)


def test_an_allowed_program_is_given_every_alert(instance: Instance) -> None:
    """A program that is not allowed prevents the start."""
    page = instance.folder / "page"
    page.write_text(f'#!/bin/sh\nread -r line\nprintf "%s\\n" "$line" >>{instance.folder}/paged\n', encoding="utf-8")
    page.chmod(0o755)
    channels = {"page": {"url": f"exec://{page}", "concurrency": 1}}
    instance.configure('route "all" { to page }\n', channels)  # type: ignore[arg-type]
    assert instance.bridge().wait(30) == 2
    assert "starts a program that is not allowed" in instance.log
    instance.configure('route "all" { to page }\n', channels, allow={"exec": [str(page)]})  # type: ignore[arg-type]
    play(instance)
    paged = [json.loads(line) for line in (instance.folder / "paged").read_text(encoding="utf-8").splitlines()]
    kept = {each.alert.id for each in instance.kept() if each.decisions}
    assert sorted(line["falco_bridge"]["id"] for line in paged) == sorted(kept)
