"""The gRPC source reads everything that a Falco does on the wire."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from bridge.common.errors import SetupError
from bridge.common.files import reloading
from bridge.simulate.address import StandInTls
from bridge.simulate.server import StandInFalco
from bridge.sources.grpc import gathering
from bridge.sources.grpc.failure import describe_failure
from bridge.sources.grpc.gathering import MAX_MESSAGES
from bridge.sources.grpc.source import GrpcSource
from bridge.sources.grpc.tls import Certificates, ClientTls
from tests.sources.collector import Collector, running
from tests.support.certificates import make_authority
from tests.support.recordings import NAMES, grpc_messages
from tests.support.waiting import wait_until

ALL = [message for name in NAMES for message in grpc_messages(name)]


def count(taken: Collector) -> int:
    """Alerts and refusals."""
    return len(taken.alerts) + len(taken.rejected)


def test_every_recording_is_read_and_a_malformed_message_affects_no_other(tmp_path: Path) -> None:
    """Including invalid UTF-8. Bytes that are no message are rejected."""
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*ALL, b"\xff\xff not protobuf", *ALL)
        with running(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: count(taken) == 2 * len(ALL) + 1, "all messages")
        assert falco.lost == 0
    refused = [each for batch in taken.batches for each in batch.rejected]
    assert [each.raw for each in refused] == [b"\xff\xff not protobuf"]


QUIET = """
import sys
from bridge.sources.grpc.failure import describe_failure
from bridge.sources.grpc.source import GrpcSource
assert "grpc" not in sys.modules, "grpc was imported before its core was configured"
import grpc, os
assert os.environ["GRPC_EXPERIMENTS"] == "-event_engine_client"
grpc.insecure_channel("unix:/nowhere").close()
"""


def test_the_core_is_configured_before_it_starts() -> None:
    """A grpcio that no longer has the experiment would say so on standard error."""
    environ = os.environ | {"GRPC_VERBOSITY": "ERROR"}
    command = [sys.executable, "-c", QUIET]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For any length of Falco's queue. Their age, which bounds them first on a busy machine, is not tested here."""
    monkeypatch.setattr(gathering, "MAX_AGE_SECONDS", 60.0)
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*(ALL[:1] * 2500))
        with running(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: count(taken) == 2500, "all messages")
    assert max(len(batch.alerts) for batch in taken.batches) == MAX_MESSAGES


def test_a_falco_that_starts_late_or_restarts_is_read(tmp_path: Path) -> None:
    """A missing socket is logged once, with the remedy."""
    address = f"unix:{tmp_path}/f.sock"
    with capture_logs() as logs, running(GrpcSource("f", address)) as taken:
        wait_until(lambda: logs, "the warning")
        for round_ in (1, 2):
            with StandInFalco(address) as falco:
                falco.put(ALL[0])
                wait_until(lambda round_=round_: count(taken) == round_, "the alert")
                falco.abort()
    warnings = [entry["problem"] for entry in logs if entry["log_level"] == "warning"]
    assert "there is no socket" in warnings[0]
    assert len(warnings) <= 4, warnings


def test_mutual_tls_works_and_each_failure_has_a_remedy(tmp_path: Path) -> None:
    """For another CA, another name, and a client certificate that Falco does not trust."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours, theirs = make_authority(tmp_path / "ours"), make_authority(tmp_path / "theirs")
    server, client = ours.issue("falco", ("falco.example",)), ours.issue("client", ("client",))
    stranger = theirs.issue("stranger", ("client",))
    tls = StandInTls(ours.certificate, server.certificate, server.key)
    cases = {
        "signed by the CA": ClientTls(theirs.certificate, client.certificate, client.key, "falco.example"),
        "server_name": ClientTls(ours.certificate, client.certificate, client.key, "other.example"),
        "mutual TLS": ClientTls(ours.certificate, stranger.certificate, stranger.key, "falco.example"),
    }
    with StandInFalco("127.0.0.1:0", tls) as falco:
        falco.put(ALL[0])
        for words, wrong in cases.items():
            with capture_logs() as logs, running(GrpcSource("f", falco.address, Certificates("f", wrong))):
                wait_until(lambda logs=logs: logs, words)
            assert words in logs[0]["problem"], logs[0]
        right = ClientTls(ours.certificate, client.certificate, client.key, "falco.example")
        with running(GrpcSource("f", falco.address, Certificates("f", right))) as taken:
            wait_until(lambda: count(taken) == 1, "the alert")


READ_BADLY = """
import sys, threading, time
from pathlib import Path
from bridge.sources.grpc.source import GrpcSource
from bridge.sources.grpc.tls import Certificates, ClientTls
address, *files = sys.argv[1:]
source = GrpcSource("f", address, Certificates("f", ClientTls(*map(Path, files))))
done = threading.Thread(target=source.run, args=(lambda batch: None,))
done.start()
while source.state()[0].failures < 3:
    time.sleep(0.05)
source.stop()
done.join()
"""


def test_the_core_writes_nothing_to_standard_error(tmp_path: Path) -> None:
    """The bridge logs a failure once; the core would write a line at each attempt."""
    (tmp_path / "theirs").mkdir()
    secured, theirs = Secured(tmp_path), make_authority(tmp_path / "theirs")
    with secured.falco as falco:
        command = [sys.executable, "-c", READ_BADLY, falco.address]
        files = [str(file) for file in (theirs.certificate, secured.tls.cert, secured.tls.key)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
        done = subprocess.run(command + files, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout.count("not signed by the CA") == 1


def test_a_falco_without_outputs_has_its_own_message(tmp_path: Path) -> None:
    """The message for UNIMPLEMENTED names http_output."""
    with (
        StandInFalco(f"unix:{tmp_path}/f.sock", outputs=False) as falco,
        capture_logs() as logs,
        running(GrpcSource("f", falco.address)),
    ):
        wait_until(lambda: logs, "the warning")
    assert "http_output" in logs[0]["problem"]


def test_stopping_during_a_flood_loses_nothing(tmp_path: Path) -> None:
    """The open stream is read to its end before the source returns."""
    with StandInFalco(f"unix:{tmp_path}/f.sock") as falco:
        falco.put(*(ALL[:1] * 20000))
        with running(GrpcSource("f", falco.address)) as taken:
            wait_until(lambda: count(taken) > 0, "the first batch")
        assert count(taken) == falco.popped
        assert falco.lost == 0


class Secured:
    """A Falco over TCP, its authority, and the client's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = make_authority(folder)
        server, client = self.authority.issue("server"), self.authority.issue("client")
        self.falco = StandInFalco("127.0.0.1:0", StandInTls(self.authority.certificate, server.certificate, server.key))
        self.tls = ClientTls(self.authority.certificate, client.certificate, client.key)

    def renew(self) -> None:
        """Replace the client's certificate and key, one file after the other."""
        pair = self.authority.issue("next")
        pair.certificate.replace(self.tls.cert)
        pair.key.replace(self.tls.key)


def test_renewed_certificates_are_used_without_cancelling_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open stream is read to its end; the next connection uses the new certificates."""
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.05)
    secured, taken = Secured(tmp_path), Collector()
    with secured.falco as falco, capture_logs() as logs:
        source = GrpcSource("f", falco.address, Certificates("f", secured.tls))
        with running(source, taken):
            taken.hold.clear()
            falco.put(*ALL)
            wait_until(lambda: falco.popped, "a stream")
            secured.renew()
            taken.hold.set()
            wait_until(lambda: any(each["event"] == "certificates reloaded" for each in logs), "the new ones")
            falco.put(ALL[0])
            wait_until(
                lambda: len(taken.alerts) + len(taken.rejected) == len(ALL) + 1, "an alert by the new connection"
            )
        assert falco.lost == 0
    assert not [each for each in logs if each["log_level"] != "info"], logs


def test_unusable_new_certificates_leave_the_old_ones_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem is logged once, with the files. Files that are repaired are used."""
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.02)
    secured = Secured(tmp_path)
    whole = secured.tls.key.read_bytes()
    certificates = Certificates("f", secured.tls)
    with secured.falco as falco, capture_logs() as logs, running(GrpcSource("f", falco.address, certificates)) as taken:
        for number, broken in enumerate((b"no key", secured.authority.issue("other").key.read_bytes()), start=1):
            secured.tls.key.write_bytes(broken)
            wait_until(lambda number=number: len([e for e in logs if e["log_level"] == "error"]) == number, "the error")
            falco.put(ALL[0])
            wait_until(lambda number=number: len(taken.alerts) == number, "an alert over the old connection")
        secured.tls.key.write_bytes(whole)
        wait_until(lambda: any(each["event"] == "certificates reloaded" for each in logs), "the new ones")
    problems = [each["problem"] for each in logs if each["log_level"] == "error"]
    assert all(str(secured.tls.key) in each and "belong together" in each for each in problems)


def test_certificates_that_do_not_belong_together_are_an_error_at_the_start(tmp_path: Path) -> None:
    """So is a key with a passphrase, which the bridge does not ask for."""
    secured = Secured(tmp_path)
    other = secured.authority.issue("other")
    with pytest.raises(SetupError, match="belong together"):
        Certificates("f", ClientTls(secured.tls.ca, secured.tls.cert, other.key))
    key = serialization.load_pem_private_key(other.key.read_bytes(), None)
    other.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(SetupError, match="no passphrase"):
        Certificates("f", ClientTls(secured.tls.ca, other.certificate, other.key))


def secured_falco(folder: Path) -> tuple[str, list[str], Certificates]:
    """An address for a Falco with mutual TLS, the options to start it with, and the client's certificates."""
    authority = make_authority(folder)
    server, client = authority.issue("server"), authority.issue("client")
    files = {"--ca": authority.certificate, "--cert": server.certificate, "--key": server.key}
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [word for option, file in files.items() for word in (option, str(file))]
    return address, options, Certificates("f", ClientTls(authority.certificate, client.certificate, client.key))


def is_reading(source: GrpcSource) -> bool:
    """Whether one stream stays open."""
    call = source._call
    time.sleep(0.3)
    return call is not None and source._call is call


@pytest.mark.parametrize("secured", [False, True])
def test_a_falco_that_is_killed_during_a_stream_is_reported_as_disconnected(tmp_path: Path, *, secured: bool) -> None:
    """During the first stream too, the message does not blame the certificates."""
    address, options, certificates = f"unix:{tmp_path}/f.sock", list[str](), None
    if secured:
        address, options, certificates = secured_falco(tmp_path)
    command = [sys.executable, "-m", "bridge", "simulate", "--generate", "--count", "100000", "--listen", address]
    falco, taken = subprocess.Popen(command + options, stderr=subprocess.DEVNULL), Collector()
    source = GrpcSource("f", address, certificates)
    with capture_logs() as logs, running(source, taken):
        wait_until(lambda: taken.alerts, "alerts")
        falco.send_signal(signal.SIGSTOP)  # between two streams, the next connection would be refused
        wait_until(lambda: is_reading(source), "an open stream")
        falco.kill()
        falco.wait()
        wait_until(lambda: any("Falco disconnected" in each.get("problem", "") for each in logs), "the message")
    assert not any("TLS" in each.get("problem", "") for each in logs)


def test_the_error_of_one_address_is_not_hidden_by_another_that_refuses(tmp_path: Path) -> None:
    """Like ``localhost`` with ``::1`` and ``127.0.0.1``: gRPC reports the last of them, in turns."""
    authority = make_authority(tmp_path)
    server, client = authority.issue("falco", ("falco.example",)), authority.issue("client", ("client",))
    certificates = Certificates("f", ClientTls(authority.certificate, client.certificate, client.key, "other.example"))
    with (
        socket.create_server(("127.0.0.1", 0)) as free,
        StandInFalco("127.0.0.1:0", StandInTls(authority.certificate, server.certificate, server.key)) as falco,
    ):
        port = free.getsockname()[1]
        free.close()
        for addresses in (f"127.0.0.1:{port},{falco.address}", f"{falco.address},127.0.0.1:{port}"):
            source = GrpcSource("f", f"ipv4:{addresses}", certificates)
            with capture_logs() as logs, running(source):
                wait_until(lambda logs=logs: any("another name" in each["problem"] for each in logs), "the real error")
                seen = {source.state()[0].problem for _ in range(200) if not time.sleep(0.01)}
            assert len(logs) <= 2, "each cause is logged once"
            assert all("another name" in problem for problem in seen), seen


def test_a_wrong_address_has_its_own_message(tmp_path: Path) -> None:
    """A server without TLS, and a name that does not resolve."""
    secured = Secured(tmp_path)
    plain = grpc.server(ThreadPoolExecutor(1))
    port = plain.add_insecure_port("127.0.0.1:0")
    plain.start()
    for address, words in ((f"127.0.0.1:{port}", "does not use TLS"), ("no-such.invalid:5060", "does not resolve")):
        with capture_logs() as logs, running(GrpcSource("f", address, Certificates("f", secured.tls))):
            wait_until(lambda logs=logs: logs, words)
        assert words in logs[0]["problem"], logs[0]
    plain.stop(None).wait()


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ("Stream removed (Secure read failed (Socket closed))", "Falco disconnected"),
        (
            "failed to connect to all addresses; last error: UNAVAILABLE: Secure read failed (Socket closed)",
            "mutual TLS",
        ),
        ("failed to connect to all addresses; last error: UNAVAILABLE: recvmsg:Connection reset by peer", "mutual TLS"),
        ("recvmsg:Connection reset by peer", "Falco disconnected"),
    ],
)
def test_a_rejected_handshake_is_distinguished_from_a_disconnect(details: str, words: str) -> None:
    """By gRPC's messages for an untrusted certificate and for a Falco that was killed."""
    assert words in describe_failure("127.0.0.1:5060", grpc.StatusCode.UNAVAILABLE, details)
