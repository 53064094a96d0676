"""A day of a noisy cluster: 33,000 alerts of twelve nodes with skewed clocks, the same on every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.alert import Alert, Priority, make_alert

SECOND = 1_000_000_000
MIDNIGHT_NS = 1_772_496_000 * SECOND
"""2026-03-03T00:00:00Z, a Tuesday."""
HOUR = 3600
DAY = 24 * HOUR
NODES = tuple(f"node-{number}" for number in range(1, 13))
SILENT_NODE, SILENT = "node-7", (5 * HOUR, 5 * HOUR + 40 * 60)
AUDITOR = "k8s-control-plane"
NOISE = 29_000


@dataclass(frozen=True)
class Occurrence:
    """What happened, without its node's clock."""

    at: float
    """Seconds since midnight."""
    rule: str
    priority: Priority
    node: str
    fields: dict[str, str]
    source: str = "syscall"


def noisy_day() -> list[tuple[int, Alert]]:
    """The alerts in the order in which they are received, each with that time in nanoseconds."""
    rng = random.Random(20260303)
    skew = {node: rng.uniform(-20, 20) for node in NODES}
    happened = sorted(_occurrences(rng), key=lambda each: (each.at, each.rule, each.node))
    return [(MIDNIGHT_NS + round(each.at * SECOND), _alert(each, number, skew)) for number, each in enumerate(happened)]


def _alert(each: Occurrence, number: int, skew: dict[str, float]) -> Alert:
    at = each.at + skew.get(each.node, 0)
    return make_alert(
        time_ns=MIDNIGHT_NS + round(at * SECOND), priority=each.priority, rule=each.rule, source=each.source,
        hostname=each.node, tags=(), output=_output(each), fields=each.fields | {"evt.num": str(number)},
    )  # fmt: skip


def _output(each: Occurrence) -> str:
    """The text of the rule's ``output``."""
    shown = (f"{name}={value}" for name, value in each.fields.items())
    return f"{each.rule} | {' '.join(shown)}"


def _occurrences(rng: random.Random) -> Iterator[Occurrence]:
    yield from _agent(rng)
    yield from _heartbeats()
    yield from _deployments(rng)
    yield from _shells(rng)
    yield from _logins(rng)
    yield from _programs(rng)
    yield from _attack()


def _pod(namespace: str, pod: str, **fields: str) -> dict[str, str]:
    return {"k8s.ns.name": namespace, "k8s.pod.name": pod} | {
        name.replace("__", "."): each for name, each in fields.items()
    }


def _agent(rng: random.Random) -> Iterator[Occurrence]:
    """One rule is almost everything: an agent reads files on every node, all day, and in bursts."""
    times = [rng.uniform(0, DAY) for _ in range(NOISE - 4000)]
    times += [burst * HOUR + rng.uniform(0, 120) for burst in (2, 9, 13, 20) for _ in range(1000)]
    for at in times:
        node = rng.choice(NODES)
        fields = _pod(
            "monitoring",
            f"agent-{node}",
            proc__name="node-agent",
            user__name="root",
            fd__name=f"/etc/shadow.{rng.randrange(9)}",
        )
        yield Occurrence(at, "Read sensitive file untrusted", Priority.WARNING, node, fields)


def _heartbeats() -> Iterator[Occurrence]:
    """Each node reports every ten minutes; one is silent for forty."""
    for index, node in enumerate(NODES):
        for at in range(index * 30, DAY, 600):
            if node != SILENT_NODE or not SILENT[0] <= at < SILENT[1]:
                yield Occurrence(at, "Heartbeat", Priority.DEBUG, node, {})


def _deployments(rng: random.Random) -> Iterator[Occurrence]:
    """Three rolling deployments; each new pod installs packages when it starts."""
    for start, namespace, deployment in (
        (10 * HOUR, "prod", "api"),
        (14 * HOUR, "prod", "web"),
        (16.5 * HOUR, "staging", "api"),
    ):
        for number in range(24):
            at = start + number * 25 + rng.uniform(0, 20)
            pod = f"{deployment}-{rng.randrange(16**5):05x}"
            for command in ("apt-get update", "apt-get install curl"):
                fields = _pod(
                    namespace, pod, k8s__deployment__name=deployment, proc__cmdline=command, user__name="root"
                )
                yield Occurrence(
                    at, "Launch Package Management Process in Container", Priority.ERROR, rng.choice(NODES), fields
                )
                at += 3


def _shells(rng: random.Random) -> Iterator[Occurrence]:
    """Six shells that the API server audited, and one that it did not."""
    people = ("alice@corp", "bob@corp", "alice@corp", "carol@corp", "bob@corp", "alice@corp", None)
    for number, person in enumerate(people):
        at, pod = (8.5 + number * 1.7) * HOUR, f"web-{number}"
        if person is not None:
            audit = {"ka.user.name": person, "ka.verb": "create", "ka.target.namespace": "prod", "ka.target.name": pod,
                     "ka.target.resource": "pods", "ka.target.subresource": "exec"}  # fmt: skip
            yield Occurrence(at - rng.uniform(0, 3), "Attach/Exec Pod", Priority.NOTICE, AUDITOR, audit, "k8s_audit")
        fields = _pod("prod", pod, proc__name="bash", proc__cmdline="bash -il", user__name="root")
        yield Occurrence(at, "Terminal shell in container", Priority.NOTICE, rng.choice(NODES), fields)


def _logins(rng: random.Random) -> Iterator[Occurrence]:
    """People mistype; one address tries sixty passwords in ten minutes."""
    for _ in range(200):
        fields = {"fd.cip": f"10.1.0.{rng.randrange(250)}", "user.name": rng.choice(("alice", "bob", "carol"))}
        yield Occurrence(
            rng.uniform(7 * HOUR, 19 * HOUR), "Failed login", Priority.INFORMATIONAL, rng.choice(NODES), fields
        )
    for number in range(60):
        fields = {"fd.cip": "203.0.113.9", "user.name": f"admin{number}"}
        yield Occurrence(21 * HOUR + number * 10, "Failed login", Priority.INFORMATIONAL, "node-3", fields)


def _programs(rng: random.Random) -> Iterator[Occurrence]:
    """The same forty programs all day, and one in the evening that never ran before."""
    for _ in range(1900):
        fields = {"proc.exepath": f"/usr/bin/tool{rng.randrange(40)}", "proc.name": "tool", "user.name": "root"}
        yield Occurrence(rng.uniform(0, DAY), "Program started", Priority.DEBUG, rng.choice(NODES), fields)
    fields = {"proc.exepath": "/dev/shm/.x", "proc.name": ".x", "user.name": "root"}
    yield Occurrence(22 * HOUR + 5, "Program started", Priority.DEBUG, "node-3", fields)


def _attack() -> Iterator[Occurrence]:
    """At 03:12 somebody comes in through one pod, and deletes its data eleven times over."""
    start = 3 * HOUR + 12 * 60
    pod = _pod("prod", "checkout-7d9f", user__name="root")
    steps = (
        ("Drop and execute new binary in container", "/tmp/.k"),
        ("Contact K8S API Server From Container", "curl -k https://10.0.0.1/api"),
        ("Read sensitive file untrusted", "cat /etc/shadow"),
        ("Redirect STDOUT/STDIN to Network Connection in Container", "sh -i"),
    )
    for number, (rule, command) in enumerate(steps):
        yield Occurrence(start + number * 40, rule, Priority.WARNING, "node-3", pod | {"proc.cmdline": command})
    for number in range(11):
        fields = pod | {"proc.cmdline": f"rm -rf /data/{number}"}
        yield Occurrence(start + 200 + number * 5, "Delete bulk data", Priority.WARNING, "node-3", fields)
