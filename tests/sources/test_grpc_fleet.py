"""Many Falcos in one source: those of a list, and those behind a name as they come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.rcode
import pytest
from structlog.testing import capture_logs

from bridge.common.errors import SetupError
from bridge.simulate.address import StandInTls
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.simulate.server import StandInFalco
from bridge.sources.contract import SourceState
from bridge.sources.grpc import fleet as grpc_fleet
from bridge.sources.grpc.discovery import DnsName, server_address
from bridge.sources.grpc.fleet import GrpcFleet
from bridge.sources.grpc.tls import Certificates, ClientTls
from tests.sources.collector import Collector, running
from tests.support.certificates import make_authority
from tests.support.dns_server import DnsServer
from tests.support.waiting import wait_until

NAME = "falco.monitoring.svc.cluster.local"
MESSAGES = [alert.grpc(Form.TEXT) for alert in generate(400)]


class Pods:
    """Falcos at 127.0.0.2, .3 and so on, all at one port, with a certificate for the service's name."""

    def __init__(self, folder: Path) -> None:
        authority = make_authority(folder)
        server, client = authority.issue("server", (NAME,)), authority.issue("client")
        self._tls = StandInTls(authority.certificate, server.certificate, server.key)
        self.client = ClientTls(authority.certificate, client.certificate, client.key, NAME)
        self._stack = ExitStack()
        self.port = 0

    def start(self, host: str) -> StandInFalco:
        falco = StandInFalco(f"{host}:{self.port}", self._tls)
        self._stack.enter_context(falco)
        self.port = int(falco.address.rpartition(":")[2])
        return falco

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Pods]:
    found = Pods(tmp_path)
    yield found
    found.close()


def fleet(pods: Pods, server: DnsServer) -> GrpcFleet:
    name = DnsName(NAME, pods.port, server.address)
    return GrpcFleet("pods", str(name), name, Certificates("pods", pods.client))


def peers(source: GrpcFleet) -> list[SourceState]:
    return list(source.state()[1:])


def test_a_list_of_falcos_is_read_and_one_that_is_down_holds_up_nobody(tmp_path: Path) -> None:
    """Each with a state of its own, its version in it."""
    addresses = frozenset(f"unix:{tmp_path}/{number}.sock" for number in range(3))
    there, gone = sorted(addresses)[:2], sorted(addresses)[2]
    source = GrpcFleet("list", "", lambda: addresses)
    with StandInFalco(there[0]) as one, StandInFalco(there[1]) as two, running(source) as taken:
        one.put(*MESSAGES[:100])
        two.put(*MESSAGES[100:150])
        wait_until(lambda: len(taken.alerts) == 150, "the alerts of both")
        wait_until(lambda: all(state.detail == "Falco 0.43.1" for state in peers(source)[:2]), "their versions")
        wait_until(lambda: peers(source)[2].problem, "the one that is down")
        assert [state.alerts for state in peers(source)] == [100, 50, 0]
        assert [state.peer for state in peers(source)] == [*there, gone]


def test_a_pod_that_comes_is_read_within_ten_seconds(pods: Pods) -> None:
    """Though its address stands in no certificate, the service's name does."""
    one = pods.start("127.0.0.2")
    with DnsServer(NAME, "127.0.0.2").serving() as server, running(fleet(pods, server)) as taken:
        one.put(MESSAGES[0])
        wait_until(lambda: len(taken.alerts) == 1, "the first pod's alert")
        pods.start("127.0.0.3").put(MESSAGES[1])
        server.addresses.append("127.0.0.3")
        wait_until(lambda: len(taken.alerts) == 2, "the second pod's alert", seconds=10)


def test_a_pod_that_goes_amid_its_stream_is_read_to_the_end_and_then_forgotten(pods: Pods) -> None:
    """What Falco had popped for the stream is never let go."""
    staying, going = pods.start("127.0.0.2"), pods.start("127.0.0.3")
    taken = Collector()
    with DnsServer(NAME, "127.0.0.2", "127.0.0.3").serving() as server:
        source = fleet(pods, server)
        with capture_logs() as logs, running(source, taken):
            wait_until(lambda: len(peers(source)) == 2, "both pods")
            taken.hold.clear()
            going.put(*MESSAGES)
            wait_until(lambda: going.popped, "its stream")
            server.addresses.remove("127.0.0.3")
            wait_until(lambda: any("gone" in each["event"] for each in logs), "its departure noticed", seconds=10)
            taken.hold.set()
            wait_until(lambda: len(taken.alerts) == len(MESSAGES), "all that it had popped")
            assert going.lost == 0
            going.abort()
            wait_until(lambda: len(peers(source)) == 1, "its end", seconds=10)
            staying.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == len(MESSAGES) + 1, "the other pod's alert")
        assert not [each for each in logs if each["event"] == "falco not readable"], "its end was expected"


def test_a_pod_that_goes_but_answers_is_let_go_after_a_while(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """And read anew when it is named again."""
    monkeypatch.setattr(grpc_fleet, "LINGER_SECONDS", 0.5)
    monkeypatch.setattr(grpc_fleet, "CHECK_SECONDS", 0.2)
    pods.start("127.0.0.2")
    going = pods.start("127.0.0.3")
    with DnsServer(NAME, "127.0.0.2", "127.0.0.3").serving() as server:
        source = fleet(pods, server)
        with running(source) as taken:
            wait_until(lambda: len(peers(source)) == 2, "both pods")
            server.addresses.remove("127.0.0.3")
            wait_until(lambda: len(peers(source)) == 1, "its end")
            server.addresses.append("127.0.0.3")
            going.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == 1, "its alert after its return")


def test_a_resolver_that_fails_is_told_once_and_the_pods_are_kept(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy; and that it is well again."""
    monkeypatch.setattr(grpc_fleet, "CHECK_SECONDS", 0.1)
    falco = pods.start("127.0.0.2")
    with DnsServer(NAME, "127.0.0.2").serving() as server:
        source = fleet(pods, server)
        with capture_logs() as logs, running(source) as taken:
            wait_until(lambda: len(peers(source)) == 1, "the pod")
            server.refusing = True
            asked = server.asked
            wait_until(lambda: server.asked > asked + 4, "several failures")
            falco.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == 1, "the alert all the same")
            assert "does not answer" in source.state()[0].problem
            server.refusing = False
            wait_until(lambda: any("found again" in each["event"] for each in logs), "the end of the trouble")
        told = [each["problem"] for each in logs if each["event"] == "falcos not found"]
    assert len(told) == 1
    assert f"the DNS server at {server.address}" in told[0]


@pytest.mark.parametrize("refusal", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NXDOMAIN])
def test_a_server_that_refuses_to_tell_of_ipv6_is_believed_of_ipv4(pods: Pods, refusal: dns.rcode.Rcode) -> None:
    """As dnsmasq does of a name that it knows from a hosts file; a server with neither kind has none to tell of."""
    with DnsServer(NAME, "127.0.0.2").serving() as server:
        server.refusing, server.refusal = "all but A", refusal
        lookup = fleet(pods, server)._lookup
        assert {address.partition(":")[0] for address in lookup()} == {"127.0.0.2"}
        server.addresses = []
        with pytest.raises(SetupError, match="has no address"):
            lookup()


def test_a_resolver_that_hangs_does_not_hold_up_the_end() -> None:
    """Whatever the system's resolver takes."""
    hanging = threading.Event()

    def lookup() -> frozenset[str]:
        hanging.wait(30)
        return frozenset()

    source = GrpcFleet("s", "", lookup)
    started = time.monotonic()
    with running(source):
        pass
    assert time.monotonic() - started < 5
    hanging.set()


def test_names_are_asked_for_as_the_system_does_or_of_a_server() -> None:
    """Addresses in gRPC's form; the two ways of failing each with its remedy."""
    assert "127.0.0.1:5060" in DnsName("localhost", 5060)()
    with pytest.raises(SetupError, match="headless service"):
        DnsName("no-such-name.invalid", 5060)()
    with DnsServer(NAME, "10.1.2.3").serving() as server:
        assert DnsName(NAME, 5060, server.address)() == {"10.1.2.3:5060"}
        server.addresses.clear()
        with pytest.raises(SetupError, match="headless service"):
            DnsName(NAME, 5060, server.address)()


RESOLVERS = [
    ("10.96.0.10", ("10.96.0.10", 53)),
    ("10.96.0.10:5353", ("10.96.0.10", 5353)),
    ("fd00::a", ("fd00::a", 53)),
    ("[fd00::a]:5353", ("fd00::a", 5353)),
    ("kube-dns", None),
    ("10.96.0.10:0", None),
    ("10.96.0.10:x", None),
]


@pytest.mark.parametrize(("text", "address"), RESOLVERS)
def test_a_dns_servers_address(text: str, address: tuple[str, int] | None) -> None:
    """An address, with a port or without; never a name."""
    assert server_address(text) == address
