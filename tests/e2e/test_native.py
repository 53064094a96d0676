"""The bridge's own channels, from Falco to what their services receive, in real processes."""

from __future__ import annotations

import gzip
import json

from bridge.simulate.samples import samples_folder
from tests.e2e.harness import Road
from tests.support.far_side import FarSide

SAMPLES = samples_folder() / "alerts.jsonl"


def play(road: Road) -> None:
    """Every sample from Falco to the journal, every delivery settled, everything stopped."""
    road.falco(str(SAMPLES))
    bridge = road.bridge()
    road.await_kept(sum(1 for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line.strip()))
    road.await_settled()
    assert road.stop(bridge) == 0, road.log


def test_a_webhook_receives_falcos_objects_in_batches(road: Road, far_side: FarSide) -> None:
    """Every sample once, as Falco wrote it."""
    road.configure('route "all" { to hook }\n', {"hook": f"webhook://127.0.0.1:{far_side.port}/?batch=array"})
    play(road)
    bodies = [body for request in far_side.requests for body in json.loads(request.body)]
    said = sorted(str(json.loads(line)["rule"]) for line in SAMPLES.read_text(encoding="utf-8").splitlines() if line)
    kept = {each.alert.id for each in road.kept() if each.decisions}
    assert {body["falco_bridge"]["id"] for body in bodies} == kept
    assert len(bodies) == len(kept)
    assert {body["rule"] for body in bodies} <= set(said)
    assert {body["falco_bridge"]["labels"]["cluster"] for body in bodies} == {"test"}


def test_loki_and_alertmanager_receive_every_alert(road: Road, far_side: FarSide) -> None:
    """From one bridge, each in the form of its API."""
    here = f"127.0.0.1:{far_side.port}"
    road.configure('route "all" { to logs, am }\n', {"logs": f"loki://{here}", "am": f"alertmanager://{here}"})
    play(road)
    kept = {each.alert.id for each in road.kept() if each.decisions}
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


def test_an_allowed_program_is_given_every_alert(road: Road) -> None:
    """A program that is not allowed prevents the start."""
    page = road.folder / "page"
    page.write_text(f'#!/bin/sh\nread -r line\nprintf "%s\\n" "$line" >>{road.folder}/paged\n', encoding="utf-8")
    page.chmod(0o755)
    channels = {"page": {"url": f"exec://{page}", "concurrency": 1}}
    road.configure('route "all" { to page }\n', channels)  # type: ignore[arg-type]
    assert road.bridge().wait(30) == 2
    assert "starts a program that is not allowed" in road.log
    road.configure('route "all" { to page }\n', channels, allow={"exec": [str(page)]})  # type: ignore[arg-type]
    play(road)
    paged = [json.loads(line) for line in (road.folder / "paged").read_text(encoding="utf-8").splitlines()]
    kept = {each.alert.id for each in road.kept() if each.decisions}
    assert sorted(line["falco_bridge"]["id"] for line in paged) == sorted(kept)
