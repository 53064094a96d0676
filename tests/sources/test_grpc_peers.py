"""Many Falcos in one source: those of a list, and those behind a DNS name as they come and go."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import dns.rcode
import pytest
from structlog.testing import capture_logs

from bridge.common.errors import SetupError
from bridge.simulate.address import StandInTls
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.simulate.server import StandInFalco
from bridge.sources.contract import SourceState
from bridge.sources.grpc.discovery import DnsName, server_address
from bridge.sources.grpc.peers import GrpcPeers
from bridge.sources.grpc.tls import Certificates, ClientTls
from tests.sources.collector import Collector, running
from tests.support.certificates import make_authority
from tests.support.dns_server import DnsServer
from tests.support.limits import no_threads
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


def source_of(pods: Pods, server: DnsServer, **seconds: float) -> GrpcPeers:
    """A source that looks up often; ``seconds`` are times of ``GrpcPeers``."""
    name = DnsName(NAME, pods.port, server.address)
    certificates = Certificates("pods", pods.client)
    return GrpcPeers("pods", str(name), name, certificates, **{"lookup_seconds": 0.1, **seconds})


def peers(source: GrpcPeers) -> list[SourceState]:
    return list(source.state()[1:])


def test_a_list_is_read_although_one_falco_is_down(tmp_path: Path) -> None:
    """Each Falco has a state of its own, which includes its version."""
    addresses = frozenset(f"unix:{tmp_path}/{number}.sock" for number in range(3))
    running_addresses, down = sorted(addresses)[:2], sorted(addresses)[2]
    source = GrpcPeers("list", "", lambda: addresses)
    one, two = StandInFalco(running_addresses[0]), StandInFalco(running_addresses[1])
    with one, two, running(source) as taken:
        one.put(*MESSAGES[:100])
        two.put(*MESSAGES[100:150])
        wait_until(lambda: len(taken.alerts) == 150, "the alerts of both")
        wait_until(lambda: all(state.detail == "Falco 0.43.1" for state in peers(source)[:2]), "their versions")
        wait_until(lambda: peers(source)[2].problem, "the one that is down")
        assert [state.alerts for state in peers(source)] == [100, 50, 0]
        assert [state.peer for state in peers(source)] == [*running_addresses, down]


def test_a_new_pod_is_read(pods: Pods) -> None:
    """Its certificate names the service, not its address."""
    one = pods.start("127.0.0.2")
    with DnsServer(NAME, "127.0.0.2").serving() as server, running(source_of(pods, server)) as taken:
        one.put(MESSAGES[0])
        wait_until(lambda: len(taken.alerts) == 1, "the first pod's alert")
        pods.start("127.0.0.3").put(MESSAGES[1])
        server.addresses.append("127.0.0.3")
        wait_until(lambda: len(taken.alerts) == 2, "the second pod's alert")


def test_a_removed_pod_is_read_to_the_end_of_its_stream(pods: Pods) -> None:
    """The alerts that Falco had popped for the stream are not lost; then the pod is forgotten."""
    staying, going = pods.start("127.0.0.2"), pods.start("127.0.0.3")
    taken = Collector()
    with DnsServer(NAME, "127.0.0.2", "127.0.0.3").serving() as server:
        source = source_of(pods, server)
        with capture_logs() as logs, running(source, taken):
            wait_until(lambda: len(peers(source)) == 2, "both pods")
            taken.hold.clear()
            going.put(*MESSAGES)
            wait_until(lambda: going.popped, "its stream")
            server.addresses.remove("127.0.0.3")
            wait_until(lambda: any("falco removed" in each["event"] for each in logs), "the lookup")
            taken.hold.set()
            wait_until(lambda: len(taken.alerts) == len(MESSAGES), "all that it had popped")
            assert going.lost == 0
            going.abort()
            wait_until(lambda: len(peers(source)) == 1, "its end")
            staying.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == len(MESSAGES) + 1, "the other pod's alert")
        assert not [each for each in logs if each["event"] == "falco not readable"], "an expected end is not logged"


def test_a_removed_pod_that_still_answers_is_released_after_a_while(pods: Pods) -> None:
    """It is read again when it is found again."""
    pods.start("127.0.0.2")
    going = pods.start("127.0.0.3")
    with DnsServer(NAME, "127.0.0.2", "127.0.0.3").serving() as server:
        source = source_of(pods, server, linger_seconds=0.5)
        with running(source) as taken:
            wait_until(lambda: len(peers(source)) == 2, "both pods")
            server.addresses.remove("127.0.0.3")
            wait_until(lambda: len(peers(source)) == 1, "its end")
            server.addresses.append("127.0.0.3")
            going.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == 1, "its alert after its return")


def test_a_failing_resolver_is_logged_once_and_the_known_pods_are_read(pods: Pods) -> None:
    """The log has the remedy, and an entry for the recovery."""
    falco = pods.start("127.0.0.2")
    with DnsServer(NAME, "127.0.0.2").serving() as server:
        source = source_of(pods, server)
        with capture_logs() as logs, running(source) as taken:
            wait_until(lambda: len(peers(source)) == 1, "the pod")
            server.refusing = True
            asked = server.asked
            wait_until(lambda: server.asked > asked + 4, "several failures")
            falco.put(MESSAGES[0])
            wait_until(lambda: len(taken.alerts) == 1, "the alert")
            assert "does not answer" in source.state()[0].problem
            server.refusing = False
            wait_until(lambda: any(each["event"] == "falco lookup recovered" for each in logs), "the recovery")
        problems = [each["problem"] for each in logs if each["event"] == "falco lookup failing"]
    assert len(problems) == 1
    assert f"the DNS server at {server.address}" in problems[0]


@pytest.mark.parametrize("refusal", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NXDOMAIN])
def test_a_server_that_refuses_ipv6_questions_still_gives_ipv4_addresses(pods: Pods, refusal: dns.rcode.Rcode) -> None:
    """As dnsmasq does for a name from a hosts file. A name with neither kind of address is an error."""
    with DnsServer(NAME, "127.0.0.2").serving() as server:
        server.refusing, server.refusal = "all but A", refusal
        lookup = source_of(pods, server)._lookup
        assert {address.partition(":")[0] for address in lookup()} == {"127.0.0.2"}
        server.addresses = []
        with pytest.raises(SetupError, match="has no address"):
            lookup()


def test_a_hanging_resolver_does_not_delay_a_stop() -> None:
    """The source ends while the lookup still hangs."""
    hanging, asked = threading.Event(), threading.Event()

    def lookup() -> frozenset[str]:
        asked.set()
        hanging.wait()
        return frozenset()

    with running(GrpcPeers("s", "", lookup)):
        assert asked.wait(60)
    hanging.set()


def test_names_are_resolved_by_the_system_or_by_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses have gRPC's form. A name without an address is an error with a remedy, as is a silent resolver."""
    assert "127.0.0.1:5060" in DnsName("localhost", 5060)()
    name = DnsName("falco.example", 5060)
    for cause, words in ((socket.EAI_NONAME, "headless service"), (socket.EAI_AGAIN, "check /etc/resolv.conf")):
        monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror(cause, "")))
        with pytest.raises(SetupError, match=words):
            name()
    monkeypatch.undo()
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
def test_a_dns_server_is_an_address_with_or_without_a_port(text: str, address: tuple[str, int] | None) -> None:
    """A host name is not one."""
    assert server_address(text) == address


def test_a_falco_without_a_thread_is_read_once_there_is_one() -> None:
    """The lookups go on, and the cause is logged once and shown."""
    looked_up = Counter[str]()

    def lookup() -> frozenset[str]:
        looked_up["times"] += 1
        if looked_up["times"] == 1:
            started.wait(60)
        return frozenset({"127.0.0.1:1"})

    started = threading.Event()
    made = GrpcPeers("grpc", "label", lookup, lookup_seconds=0.01)
    with capture_logs() as logs, running(made):
        with no_threads():
            started.set()
            wait_until(lambda: looked_up["times"] > 2, "the next lookups")
            assert "can't start new thread" in made.state()[0].problem
        wait_until(lambda: len(made.state()) == 2, "the reader")
    assert [each["event"] for each in logs if each["event"].startswith("falco lookup")] == [
        "falco lookup failing", "falco lookup recovered",
    ]  # fmt: skip
