"""``falco-bridge simulate`` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.forms.json_form import decode_json
from bridge.alert.wire.methods import GET
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from tests.support.certificates import make_authority
from tests.support.far_side import Answer, FarSide
from tests.support.waiting import wait_until


def simulate(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", "simulate", *arguments], cwd=cwd, stderr=subprocess.PIPE, text=True
    )


def read(address: str, enough: int) -> list[Alert]:
    """Alerts, by ``get`` in a loop."""
    found: list[Alert] = []
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)

        def look() -> bool:
            for message in call(b"", wait_for_ready=True):
                alert = decode_grpc(message, 0)
                assert isinstance(alert, Alert)
                found.append(alert)
            return len(found) >= enough

        wait_until(look, f"{enough} alerts")
    return found


def test_a_loop_sends_every_alert_with_a_new_time(tmp_path: Path) -> None:
    """With its own time again it would be a duplicate."""
    with simulate("--loop", "--rate", "2000", "--listen", "unix:f.sock", cwd=tmp_path) as process:
        try:
            found = read(f"unix:{tmp_path}/f.sock", 200)
        finally:
            process.terminate()
    assert len({alert.id for alert in found}) == len(found)
    assert len({(alert.rule, *sorted(alert.fields.items())) for alert in found}) < len(found)


def test_posts_as_falcos_http_output_does(tmp_path: Path) -> None:
    """Its headers, one alert a request, one connection; what is refused is not posted again."""
    refuse = iter([Answer(503)])
    with FarSide(lambda _request: next(refuse, Answer())).serving() as server:
        url = f"http://127.0.0.1:{server.port}/falco?x=1"
        process = simulate("--generate", "--count", "5", "--http", url, cwd=tmp_path)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "posted 5: 4 accepted, 1 refused" in said
        assert [request.path for request in server.requests] == ["/falco?x=1"] * 5
        first = server.requests[0]
        assert first.headers["User-Agent"] == "falcosecurity/falco"
        assert first.headers["Content-Type"] == "application/json"
        sent = [decode_json(request.body, 0) for request in server.requests]
        made = [decode_json(alert.http(Form.JSON), 0) for alert in generate(5)]
        assert sent == made


def test_the_same_seed_makes_the_same_alerts() -> None:
    """By gRPC and by JSON they are one alert."""
    first, again, other = list(generate(300, 7)), list(generate(300, 7)), list(generate(300, 8))
    assert [each.http(Form.JSON) for each in first] == [each.http(Form.JSON) for each in again]
    assert {each.http(Form.JSON) for each in first}.isdisjoint(each.http(Form.JSON) for each in other)
    for each in first:
        by_json, by_grpc = decode_json(each.http(Form.JSON), 0), decode_grpc(each.grpc(Form.TEXT), 0)
        assert isinstance(by_json, Alert)
        assert isinstance(by_grpc, Alert)
        assert (by_json.id, by_json.fields) == (by_grpc.id, by_grpc.fields)


MISTAKES = [
    (["nothing.jsonl"], "nothing.jsonl"),
    (["--listen", "127.0.0.1:0"], "mutual TLS"),
    (["--generate", "x.jsonl"], "not both"),
    (["--count", "5"], "--generate"),
    (["--http", "ftp://x"], "not a URL"),
    (["--rate", "0"], "a number above 0"),
    (["--rate", "often"], "a number above 0"),
    (["--loop", "--exit-when-drained"], "never ends"),
    (["--ca", "x"], "requires --ca, --cert and --key"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_mistakes_are_reported_in_a_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Exit 2, no traceback."""
    process = simulate(*arguments, cwd=tmp_path)
    _, written = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in written
    assert "Traceback" not in written


def test_a_certificate_with_the_key_of_another_is_reported(tmp_path: Path) -> None:
    """Not as an address that cannot be listened at."""
    authority = make_authority(tmp_path)
    server, other = authority.issue("server"), authority.issue("other")
    files = ("--ca", str(authority.certificate), "--cert", str(server.certificate), "--key", str(other.key))
    process = simulate("--listen", "127.0.0.1:0", *files, cwd=tmp_path)
    _, written = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "belong together" in written


def test_a_broken_line_of_a_file_is_named(tmp_path: Path) -> None:
    """With its number."""
    (tmp_path / "a.jsonl").write_bytes(next(generate(1)).http(Form.JSON) + b"\n{\n")
    process = simulate("a.jsonl", "--listen", "unix:f.sock", cwd=tmp_path)
    _, written = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a.jsonl:2:" in written
