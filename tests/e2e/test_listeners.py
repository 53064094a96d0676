"""The status, metrics and operator verbs of a running bridge, through its real command."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.ports import free_port
from tests.support.recordings import http_bodies
from tests.support.waiting import wait_until

KILLS = 16 if FULL else 4
ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
_PACE = threading.Event()


def command(instance: Instance, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A verb, run to its end in the instance's folder."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], cwd=instance.folder, input=given, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


def start(instance: Instance) -> subprocess.Popen[bytes]:
    before = instance.log.count('"started"') if (instance.folder / "bridge.log").exists() else 0
    bridge = instance.bridge()
    wait_until(lambda: instance.log.count('"started"') > before, "the start")
    return bridge


def test_status_asks_the_running_bridge(instance: Instance) -> None:
    """By the config or by the socket; once it is gone, a sentence says so."""
    instance.configure(ROUTES, CHANNELS)
    instance.falco("--generate", "--count", "20")
    bridge = start(instance)
    instance.await_kept(20)
    for named in (("--config", "falco-bridge.yaml"), ("--socket", "journal.db.admin.sock")):
        done = command(instance, "status", *named, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["alerts"] == 20
    assert instance.stop(bridge) == 0, instance.log
    assert not (instance.folder / "journal.db.admin.sock").exists()
    done = command(instance, "status", "--config", "falco-bridge.yaml")
    assert done.returncode == 1
    assert b"no bridge is running" in done.stderr


def test_status_watches_until_the_bridge_stops(instance: Instance) -> None:
    """A status at once and again; the end of the bridge ends it."""
    instance.configure(ROUTES, CHANNELS)
    bridge = start(instance)
    watching = [sys.executable, "-m", "bridge", "status", "--config", "falco-bridge.yaml", "--watch", "--json"]
    with subprocess.Popen(
        watching, cwd=instance.folder, stdout=subprocess.PIPE, env=os.environ | instance.environment
    ) as watch:
        assert watch.stdout is not None
        assert [json.loads(watch.stdout.readline())["not_ready"] for _ in range(2)] == ["", ""]
        assert instance.stop(bridge) == 0, instance.log
        assert watch.wait(60) == 0


def test_the_operator_api_over_tcp_requires_its_token(instance: Instance) -> None:
    """It shows the same bridge as the admin socket does."""
    port = free_port()
    admin = {"listen": f"127.0.0.1:{port}", "token": "0123456789abcdef"}
    instance.configure(ROUTES, CHANNELS, admin=admin)
    bridge = start(instance)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/status")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    refused.value.close()
    assert refused.value.code == 401
    request.add_header("Authorization", f"Bearer {admin['token']}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        over_tcp = json.loads(answer.read())
    on_the_socket = json.loads(command(instance, "status", "--config", "falco-bridge.yaml", "--json").stdout)
    assert over_tcp["started_ns"] == on_the_socket["started_ns"]
    assert instance.stop(bridge) == 0, instance.log
    assert admin["token"] not in instance.log


def test_a_killed_bridge_starts_again_over_its_socket(instance: Instance) -> None:
    """What it left behind is replaced."""
    instance.configure(ROUTES, CHANNELS)
    bridge = start(instance)
    bridge.kill()
    bridge.wait()
    assert (instance.folder / "journal.db.admin.sock").is_socket()
    assert command(instance, "status", "--config", "falco-bridge.yaml").returncode == 1
    start(instance)
    assert command(instance, "status", "--config", "falco-bridge.yaml").returncode == 0


SOCKET: dict[str, object] = {"sources": [{"socket": "in.sock"}]}
SEND = ("send", "--socket", "in.sock")


def body(number: int) -> bytes:
    return json.dumps({"rule": f"r{number}", "time": "2026-01-01T00:00:00Z", "output": "o"}).encode() + b"\n"


def test_send_exits_with_zero_once_it_is_committed(instance: Instance) -> None:
    """A process an alert, as program_output starts it; a repeated one is one alert; a file brings many."""
    instance.configure('route "none" { when rule = nothing to archive }\n', CHANNELS, **SOCKET)
    bridge = start(instance)
    for number in (0, 1, 1):
        done = command(instance, *SEND, given=body(number))
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(instance.kept()) == 2
    (instance.folder / "many.jsonl").write_bytes(b"".join(body(number) for number in range(30_000)))
    assert command(instance, *SEND, "many.jsonl").returncode == 0
    assert len(instance.kept()) == 30_000
    refused = command(instance, *SEND, given=b"{}\n")
    assert refused.returncode == 1
    assert b"quarantined" in refused.stderr
    assert instance.stop(bridge) == 0, instance.log


def test_send_without_a_bridge_leaves_it_in_the_spool(instance: Instance) -> None:
    """The next start takes it in; what neither takes is said with a code that is not zero."""
    instance.configure(ROUTES, CHANNELS, **SOCKET)
    done = command(instance, *SEND, given=body(0))
    assert done.returncode == 1
    assert b"NOT SENT: no bridge listens at in.sock; the spool in.spool cannot be opened" in done.stderr
    assert instance.stop(start(instance)) == 0
    for number in range(3):
        done = command(instance, *SEND, given=body(number))
        assert done.returncode == 0
        assert b"written to the spool" in done.stderr
    bridge = start(instance)
    instance.await_kept(3)
    wait_until(lambda: not list((instance.folder / "in.spool").iterdir()), "an empty spool")
    assert instance.stop(bridge) == 0, instance.log


@pytest.mark.parametrize(("written", "shown"), [("300ms", "0.3"), ("0.3", "0.3"), ("1s", "1"), ("0m1s", "1")])
def test_how_long_send_waits_is_a_duration_or_seconds(written: str, shown: str, instance: Instance) -> None:
    """Something listens there and never answers."""
    (instance.folder / "in.spool").mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(instance.folder / "in.sock"))
        silent.listen()
        done = command(instance, *SEND, "--timeout", written, given=body(0))
    assert f"has not committed the alerts within {shown} s; written to the spool" in done.stderr.decode()
    assert done.returncode == 0


def test_text_lines_tell_the_time_of_the_zone_that_a_source_names(instance: Instance) -> None:
    """By file, http, the socket, the spool and standard input: a Falco on a host writes its own zone's time."""
    zone = {"timezone": "Asia/Seoul"}
    port = free_port()
    sources = [{"file": "falco.log", "read_from": "start"}, {"http": f"127.0.0.1:{port}"}, {"socket": "in.sock"}]
    instance.configure(ROUTES, CHANNELS, sources=[source | zone for source in sources])
    written = int(time.time()) - 5
    clock = datetime.fromtimestamp(written, ZoneInfo("Asia/Seoul")).strftime("%H:%M:%S")

    def line(number: int) -> bytes:
        return f"{clock}.{number:09d}: Warning text {number}\n".encode()

    (instance.folder / "falco.log").write_bytes(line(0))
    (instance.folder / "in.spool").mkdir()
    assert b"written to the spool" in command(instance, *SEND, given=line(1)).stderr
    bridge = start(instance)
    assert command(instance, *SEND, given=line(2)).returncode == 0
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", data=line(3), timeout=60).close()
    instance.await_kept(4)
    assert instance.stop(bridge) == 0, instance.log
    instance.configure(ROUTES, CHANNELS, sources=[{"stdin": True} | zone])
    assert command(instance, "--config", "falco-bridge.yaml", given=line(4)).returncode == 0
    assert sorted(each.alert.time_ns for each in instance.kept()) == [written * 10**9 + number for number in range(5)]


@pytest.mark.parametrize("written", ["0", "-1", "nan", "5x", "2h", "1s2"])
def test_what_is_no_duration_is_refused_by_send(written: str, instance: Instance) -> None:
    """Before anything is read, with the way out."""
    done = command(instance, *SEND, f"--timeout={written}", given=body(0))
    assert done.returncode == 2
    assert "is not a duration of at most 1h; write 500ms, 5s or 1m30s" in done.stderr.decode()


def test_a_send_that_is_kept_alive_hands_over_as_it_goes(instance: Instance) -> None:
    """program_output with ``keep_alive: true``: what was said does not wait for the end of the input."""
    instance.configure(ROUTES, CHANNELS, **SOCKET)
    start(instance)
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", *SEND], cwd=instance.folder, stdin=subprocess.PIPE
    ) as sender:
        assert sender.stdin is not None
        for number in range(3):
            sender.stdin.write(body(number))
            sender.stdin.flush()
            instance.await_kept(number + 1)
        sender.stdin.close()
        assert sender.wait(60) == 0


def test_killed_again_and_again_what_send_called_safe_is_kept(instance: Instance) -> None:
    """SIGKILL of the bridge while processes send: socket and spool together lose nothing."""
    instance.configure(ROUTES, CHANNELS, **SOCKET)
    bridge = start(instance)
    for number in range(KILLS):
        (instance.folder / f"{number}.json").write_bytes(body(number))
        sender = instance.start(*SEND, f"{number}.json", output="send.log")
        wait_until(lambda sender=sender, number=number: sender.poll() is not None or number % 4, "the sender to finish")
        _PACE.wait(number * 0.01)
        bridge.kill()
        bridge.wait()
        assert sender.wait(60) == 0, (instance.folder / "send.log").read_text(encoding="utf-8")
        bridge = start(instance)
    instance.await_kept(KILLS)
    assert instance.stop(bridge) == 0, instance.log
    assert {each.alert.rule for each in instance.kept()} == {f"r{number}" for number in range(KILLS)}


def scraped(port: int) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
        families = text_string_to_metric_families(page.read().decode())
        return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as page:
            return bool(page.read() == b"ready\n")
    except urllib.error.HTTPError as error:
        error.close()
        return False


def test_metrics_count_alerts_and_deliveries(instance: Instance) -> None:
    """Through every stage; the hostile label comes back whole."""
    port = free_port()
    instance.configure(
        'route "a" { when rule = a to archive }\nroute "noise" { when rule = b drop }\notherwise { to archive }\n',
        CHANNELS, metrics=f"127.0.0.1:{port}", **SOCKET,
    )  # fmt: skip
    bridge = start(instance)
    hostile = 'evil"} 1\nfalco_bridge_alerts_total{source="x'
    alerts = [{"rule": "a", "priority": "Critical"}, {"rule": "a", "time": "2026-01-01T00:00:00Z"}, {"rule": "b"}]
    alerts += [{"rule": "c", "source": hostile, "hostname": "node\\1"}, {"rule": "a", "time": "2026-01-01T00:00:00Z"}]
    lines = b"".join(json.dumps({"output": "o", "priority": "Notice"} | each).encode() + b"\n" for each in alerts)
    assert command(instance, *SEND, given=lines + b"{}\n").returncode == 1
    instance.await_settled()
    wait_until(
        lambda: scraped(port).get(("falco_bridge_deliveries_total", "archive", "delivered")) == 3,
        "the deliveries in the metrics",
    )
    metrics = scraped(port)
    assert metrics["falco_bridge_alerts_total", "critical", "syscall"] == 1
    assert metrics["falco_bridge_alerts_total", "notice", hostile.replace("\n", "\\x0a")] == 1
    assert metrics["falco_bridge_alerts_duplicate_total", "socket:in.sock"] == 1
    assert metrics["falco_bridge_messages_rejected_total", "socket:in.sock"] == 1
    assert metrics["falco_bridge_route_decisions_total", "sent", "a"] == 2
    assert metrics["falco_bridge_route_decisions_total", "dropped", "noise"] == 1
    assert metrics["falco_bridge_route_decisions_total", "unmatched", "otherwise"] == 1
    assert metrics["falco_bridge_notifications_total", "archive"] == 3
    assert metrics["falco_bridge_quarantined_messages",] == 1
    assert metrics["falco_bridge_source_up", "", "socket:in.sock"] == 1
    assert metrics["falco_bridge_node_last_alert_timestamp_seconds", "node\\1"] > 1.7e9
    assert metrics["falco_bridge_commit_duration_seconds_count",] >= 1
    assert metrics["falco_bridge_journal_size_bytes", "journal"] > 0
    os.kill(instance.courier_pid(), signal.SIGKILL)
    wait_until(lambda: scraped(port)["falco_bridge_courier_restarts_total",] == 1, "the courier's restart")
    wait_until(lambda: ready(port), "the bridge to be ready again")
    assert instance.stop(bridge) == 0, instance.log


def test_internal_alerts_of_falco_are_counted_and_not_sent(instance: Instance) -> None:
    """By JSON and by text; the drops are logged once, and a route that asks for them gets them."""
    port = free_port()
    routes = 'route "falco" { when source = internal and rule contains drop to ops }\notherwise { to archive }\n'
    instance.configure(routes, {**CHANNELS, "ops": "file://ops.jsonl"}, metrics=f"127.0.0.1:{port}", **SOCKET)
    bridge = start(instance)
    bodies = http_bodies("drops_json") + http_bodies("metrics_text")
    internal = [each for each in bodies if b"Falco internal" in each or b"Falco metrics" in each]
    assert internal
    assert command(instance, *SEND, given=b"\n".join(internal)).returncode == 0
    instance.await_settled()
    drops = sum(b"event drop" in each for each in internal)
    assert scraped(port)["falco_bridge_falco_events_dropped_total", "vm"] == drops
    assert instance.stop(bridge) == 0, instance.log
    assert not (instance.folder / "archive.jsonl").exists()
    assert len((instance.folder / "ops.jsonl").read_text(encoding="utf-8").splitlines()) == drops
    assert instance.log.count("falco drops events") == 1


def test_status_tells_a_person_what_matters(instance: Instance) -> None:
    """Sources that are down with the remedy, routes, channels, drops; nothing that moves a terminal's cursor."""
    sources = [{"socket": "in.sock"}, {"grpc": "unix:missing.sock"}]
    instance.configure('route "noise" { when rule = b drop }\notherwise { to archive }\n', CHANNELS, sources=sources)
    bridge = start(instance)
    node = "node\x1b[2J"
    drop = json.loads(http_bodies("drops_json")[0])
    alerts = [{"rule": "a", "hostname": node}, {"rule": "b"}]
    if drop["source"] != "internal":
        drop = next(each for each in map(json.loads, http_bodies("drops_json")) if each["source"] == "internal")
    lines = b"".join(
        json.dumps({"output": "o", "priority": "Notice", "time": "2026-01-01T00:00:00Z"} | each).encode() + b"\n"
        for each in [*alerts, drop | {"hostname": node}]
    )
    assert command(instance, *SEND, given=lines + b"{}\n").returncode == 1
    instance.await_settled()
    wait_until(
        lambda: b"DOWN" in command(instance, "status", "--config", "falco-bridge.yaml").stdout, "the source's failure"
    )
    done = command(instance, "status", "--config", "falco-bridge.yaml")
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert re.search(r"^falco-bridge \S+, running since 20\S+ \S+ UTC \(\d+ s\): ready$", said, re.MULTILINE)
    assert re.search(r"^alerts +3, latest: \d+ s ago; 0 duplicates$", said, re.MULTILINE)
    assert re.search(r"^rejected +1; 1 in the quarantine", said, re.MULTILINE)
    problems = said.partition("\n\n")[0]
    assert re.search(r"^\d problems:$", problems, re.MULTILINE)
    assert re.search(r"^  source unix:missing\.sock .*there is no socket", problems, re.MULTILINE)
    assert re.search(r"^  node node\\x1b\[2J: Falco dropped 1 events; alerts may be missing$", problems, re.MULTILINE)
    assert re.search(r"^socket:in\.sock +up ", said, re.MULTILINE)
    assert re.search(r"^unix:missing\.sock .*DOWN .*missing\.sock", said, re.MULTILINE)
    assert re.search(r"^noise +1 dropped$", said, re.MULTILINE)
    assert re.search(r"^otherwise +1 unmatched$", said, re.MULTILINE)
    assert re.search(r"^archive +\S+ +0 ", said, re.MULTILINE)
    assert re.search(r"^node\\x1b\[2J +1 ", said, re.MULTILINE)
    assert "\x1b" not in said
    assert instance.stop(bridge) == 0, instance.log


def test_quarantine_shows_what_was_no_alert(instance: Instance) -> None:
    """While the bridge runs and after; bytes are made visible, and come out again as they came in."""
    instance.configure(ROUTES, CHANNELS, **SOCKET)
    bridge = start(instance)
    named = ("--config", "falco-bridge.yaml")
    assert command(instance, "quarantine", "list", *named).stdout == b"the quarantine is empty\n"
    hostile = b'{"rule": \x1b[31m\xff\xe2\x80\xae'
    assert command(instance, *SEND, given=hostile).returncode == 1
    assert command(instance, *SEND, given=b'{"else": 1}').returncode == 1
    listed = command(instance, "quarantine", "list", *named)
    assert listed.returncode == 0
    first, second = listed.stdout.decode().splitlines()[1:]
    assert "has neither a rule" in first
    assert "is not JSON" in second
    assert instance.stop(bridge) == 0, instance.log
    number = second.split()[0]
    shown = command(instance, "quarantine", "show", number, "--journal", "journal.db")
    assert b'{"rule": \\x1b[31m\\xff\\u202e' in shown.stdout
    assert b"\x1b" not in listed.stdout + shown.stdout
    assert command(instance, "quarantine", "export", number, *named).stdout == hostile
    exported = [json.loads(line) for line in command(instance, "quarantine", "export", *named).stdout.splitlines()]
    assert [each["reason"] for each in exported] == ["is not JSON", "has neither a rule nor an output text"]
    missing = command(instance, "quarantine", "show", "999", *named)
    assert missing.returncode == 1
    assert b"message 999 is not in the quarantine" in missing.stderr
