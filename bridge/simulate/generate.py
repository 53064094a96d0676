"""Generates alerts endlessly: the same ones for the same seed, each with its own time.

A cluster of a few nodes goes about its work. Most of what it says is noise, some of it is a person at a shell, and now
and then something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from bridge.simulate import stock
from bridge.simulate.recording import JsonRecording
from bridge.simulate.stock import StockRule, Value

_FIRST_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z, where seed 0 begins. Each further seed begins a day later, so that no two share an alert."""
_DAY_NS = 86_400_000_000_000
_MAX_DAYS = 36_500
_MAX_PAUSE_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs in pods of one name."""

    name: str
    namespace: str
    repository: str
    tag: str


NODES = ("node-a1", "node-a2", "node-b1", "node-b2", "node-c1")
WORKLOADS = (
    Workload("api", "payments", "registry.example.com/payments/api", "4.12.1"),
    Workload("ledger", "payments", "registry.example.com/payments/ledger", "2.3.0"),
    Workload("cart", "checkout", "registry.example.com/shop/cart", "1.98.4"),
    Workload("web", "prod-eu", "docker.io/library/nginx", "1.27"),
    Workload("search", "prod-eu", "docker.io/opensearchproject/opensearch", "2.19.0"),
    Workload("web", "staging", "docker.io/library/nginx", "1.27"),
    Workload("runner", "ci", "docker.io/library/debian", "12-slim"),
    Workload("prometheus", "monitoring", "quay.io/prometheus/prometheus", "v3.1.0"),
)
USERS = (("root", 0), ("root", 0), ("root", 0), ("app", 1000), ("nginx", 101), ("deploy", 1001))
COMMANDS = (
    "ls -la",
    "ls /data",
    "ps aux",
    "cat /etc/hostname",
    "env",
    "df -h",
    "tail -n 50 /var/log/app.log",
    "curl -s localhost:8080/healthz",
    "vi /etc/nginx/nginx.conf",
    "rm -rf /tmp/cache",
    "rm -rf /data/exports",
    "dd if=/dev/zero of=/data/fill bs=1M",
    "psql -h db -U app",
    "kill -HUP 1",
    "find / -name *.pem",
)
PACKAGE_COMMANDS = (
    "apt-get update",
    "apt-get install -y curl",
    "apk add bash",
    "pip install requests",
    "yum -y update",
)
SENSITIVE = ("/etc/shadow", "/etc/sudoers", "/etc/pam.d/common-auth", "/root/.ssh/id_ed25519")
AUDITORS = ("alice@example.com", "bob@example.com", "system:serviceaccount:ci:deployer")


def generate(count: int, seed: int = 0) -> Iterator[JsonRecording]:
    """``count`` alerts. Seeds further apart than a century of days begin on the same day and go on differently."""
    rng = Random(seed)  # noqa: S311  # it plays, it guards nothing
    time_ns = _FIRST_NS + seed % _MAX_DAYS * _DAY_NS
    makers, weights = tuple(maker for maker, _ in _MIX), tuple(weight for _, weight in _MIX)
    for _ in range(count):
        time_ns += rng.randrange(1, _MAX_PAUSE_NS)
        (maker,) = rng.choices(makers, weights)
        yield maker(rng, time_ns)


Maker = Callable[[Random, int], JsonRecording]


def _shell_command(rng: Random, time_ns: int) -> JsonRecording:
    return _alert(stock.SHELL_COMMAND, rng, time_ns, _ran(rng.choice(COMMANDS), "bash", tty=34816))


def _terminal_shell(rng: Random, time_ns: int) -> JsonRecording:
    shell = rng.choice(("bash", "sh", "ash"))
    values = _ran(shell, "containerd-shim", tty=34816) | {"evt.arg.flags": "EXE_WRITABLE|EXE_LOWER_LAYER"}
    return _alert(stock.TERMINAL_SHELL, rng, time_ns, values)


def _package_manager(rng: Random, time_ns: int) -> JsonRecording:
    return _alert(stock.PACKAGE_MANAGER, rng, time_ns, _ran(rng.choice(PACKAGE_COMMANDS), "bash"))


def _sensitive_file(rng: Random, time_ns: int) -> JsonRecording:
    file = rng.choice(SENSITIVE)
    values = _ran(f"cat {file}", "bash") | {"fd.name": file, "proc.aname[2]": "sshd", "proc.aname[3]": "systemd"}
    return _alert(stock.SENSITIVE_FILE, rng, time_ns, values | {"evt.type": "openat"})


def _contact_api(rng: Random, time_ns: int) -> JsonRecording:
    return _alert(stock.CONTACT_API, rng, time_ns, _ran("curl -sk https://10.96.0.1/api", "sh") | _connected(rng, 443))


def _redirected(rng: Random, time_ns: int) -> JsonRecording:
    return _alert(stock.REDIRECTED, rng, time_ns, _ran("bash -i", "python3") | _connected(rng, 4444))


def _private_keys(rng: Random, time_ns: int) -> JsonRecording:
    return _alert(stock.PRIVATE_KEYS, rng, time_ns, _ran("grep -r BEGIN.*PRIVATE /home", "bash", tty=34816))


def _new_binary(rng: Random, time_ns: int) -> JsonRecording:
    name = f"/tmp/.{rng.randrange(16**6):06x}"  # noqa: S108  # where intruders drop things
    return _alert(stock.NEW_BINARY, rng, time_ns, _ran(name, "sh") | {"evt.arg.flags": "EXE_WRITABLE|EXE_UPPER_LAYER"})


def _pod_exec(rng: Random, time_ns: int) -> JsonRecording:
    workload = rng.choice(WORKLOADS)
    values: dict[str, Value] = {
        "ka.user.name": rng.choice(AUDITORS),
        "ka.verb": "create",
        "ka.target.name": _pod(workload, rng),
        "ka.target.resource": "pods",
        "ka.target.namespace": workload.namespace,
        "ka.target.subresource": "exec",
        "ka.uri.param[command]": rng.choice(("bash", "sh", "env")),
        "ka.response.code": "101",
        "ka.useragent": "kubectl/v1.31.2 (linux/amd64)",
    }
    return stock.POD_EXEC.fire(time_ns, rng.choice(NODES), values)


def _drop(rng: Random, time_ns: int) -> JsonRecording:
    return stock.syscall_drop(time_ns, rng.choice(NODES), rng.randrange(1, 900))


_MIX: tuple[tuple[Maker, int], ...] = (
    (_shell_command, 40),
    (_package_manager, 15),
    (_contact_api, 12),
    (_terminal_shell, 10),
    (_sensitive_file, 10),
    (_pod_exec, 5),
    (_private_keys, 3),
    (_drop, 2),
    (_redirected, 2),
    (_new_binary, 1),
)


def _alert(rule: StockRule, rng: Random, time_ns: int, values: Mapping[str, Value]) -> JsonRecording:
    workload = rng.choice(WORKLOADS)
    user, uid = rng.choice(USERS)
    common: dict[str, Value] = {
        "user.name": user,
        "user.uid": uid,
        "user.loginuid": -1,
        "container.id": f"{rng.randrange(16**12):012x}",
        "container.name": workload.name,
        "container.image.repository": workload.repository,
        "container.image.tag": workload.tag,
        "k8s.pod.name": _pod(workload, rng),
        "k8s.ns.name": workload.namespace,
    }
    return rule.fire(time_ns, rng.choice(NODES), common | dict(values))


def _ran(command: str, parent: str, tty: int = 0) -> dict[str, Value]:
    program = command.partition(" ")[0]
    name = program.rpartition("/")[2]
    return {
        "evt.type": "execve",
        "proc.name": name,
        "proc.exepath": program if program.startswith("/") else f"/usr/bin/{name}",
        "proc.pname": parent,
        "proc.cmdline": command,
        "proc.tty": tty,
    }


def _connected(rng: Random, port: int) -> dict[str, Value]:
    local = rng.randrange(32768, 61000)
    here = f"10.244.{rng.randrange(1, 6)}.{rng.randrange(2, 250)}"
    far = "10.96.0.1" if port == 443 else f"203.0.113.{rng.randrange(1, 255)}"
    return {
        "evt.type": "connect",
        "fd.name": f"{here}:{local}->{far}:{port}",
        "fd.lport": local,
        "fd.rport": port,
        "fd.type": "ipv4",
        "fd.l4proto": "tcp",
    }


def _pod(workload: Workload, rng: Random) -> str:
    letters = "bcdfghjklmnpqrstvwxz2456789"
    return f"{workload.name}-{rng.randrange(16**9):09x}-{''.join(rng.choices(letters, k=5))}"
