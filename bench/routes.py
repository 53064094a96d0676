"""Routes and alerts for the matcher's benchmark, like those of a large company. Deterministic by seed."""

from __future__ import annotations

from random import Random

from bridge.alert import Alert, Priority, make_alert

NAMESPACES = tuple(f"team-{number}" for number in range(400))
RULES = tuple(f"Rule {number} of the cluster" for number in range(80))
USERS = ("root", "app", "deploy", "nginx", "postgres", "www-data", "jenkins", "alice", "bob")
COMMANDS = (
    "rm -rf /data", "curl -s http://10.0.0.7/x", "apt-get install -y nmap", "kubectl get pods", "cat /etc/shadow",
    "nc -lvp 4444", "python3 -c import socket", "chmod 777 /tmp/x", "ls -la /srv", "dd if=/dev/zero of=/dev/sda",
)  # fmt: skip
PATHS = ("/etc/shadow", "/var/lib/app/data", "/usr/bin/nmap", "/root/.ssh/id_rsa", "/tmp/x", "/opt/service/config.yaml")
_PRIORITIES = ("debug", "notice", "warning", "error", "critical")


def routes_text(count: int, seed: int = 0) -> str:
    """A file of ``count`` routes, about ten lines each."""
    rng = Random(seed)
    return "\n".join(_route(rng, number) for number in range(count)) + "\notherwise {\n  to        archive\n}\n"


def _route(rng: Random, number: int) -> str:
    lines = " and\n            ".join(_condition(rng, number))
    ending = "  stop\n" if rng.random() < 0.02 else ""
    return (
        f'route "route {number}" {{\n  when      {lines}\n  to        channel{number % 20}, archive\n'
        f'  severity  {rng.choice(_PRIORITIES)}\n  title     "%rule in %k8s.ns.name"\n'
        f'  message   "%user.name ran %proc.cmdline in %k8s.pod.name on %hostname"\n{ending}}}\n'
    )


def _condition(rng: Random, number: int) -> list[str]:
    namespaces = ", ".join(rng.sample(NAMESPACES, rng.randrange(1, 5)))
    heads = (
        f"k8s.ns.name in ({namespaces})",
        f'rule = "{rng.choice(RULES)}"',
        f'proc.cmdline contains "--job={number % 500}" and hostname = node-{number % 30}',
    )
    parts = rng.choices(heads, (6, 3, 1))
    makers = (
        lambda: f'proc.cmdline contains "{rng.choice(COMMANDS)[:8]} --job={number % 500}"',
        lambda: f'proc.cmdline startswith "{rng.choice(COMMANDS).split()[0]}"',
        lambda: f'proc.cmdline regex ".*(password|token{number % 97})=[a-z0-9]+.*"',
        lambda: f'proc.cmdline icontains "SECRET{number % 50}"',
        lambda: f'fd.name glob "/var/lib/app{number % 120}/*.conf"',
        lambda: f"fd.name pmatch (/etc, /opt/service{number % 60})",
        lambda: f"fd.sport > {rng.randrange(1, 60000)}",
        lambda: f"fd.cip in (10.{number % 200}.0.0/16, 192.168.{number % 255}.7)",
        lambda: f"user.name in ({', '.join(rng.sample(USERS, 2))})",
        lambda: f"not user.name = {rng.choice(USERS)}",
        lambda: f"priority >= {rng.choice(_PRIORITIES[1:])}",
        lambda: f'rule = "{rng.choice(RULES)}"',
        lambda: f"tags intersects (mitre_{number % 30}, shell)",
        lambda: f"container.image.repository endswith /app{number % 150}",
        lambda: f"(proc.name in (bash, sh, zsh) or proc.pname startswith worker{number % 40})",
        lambda: f'not proc.cmdline contains "healthz{number % 25}"',
        lambda: f"proc.name startswith anyof (py, node{number % 30})",
        lambda: f"tolower(proc.exepath) endswith /tool{number % 70}",
        lambda: "not proc.aname[2] exists",
        lambda: "proc.tty != 0",
    )
    return [*parts, *(maker() for maker in rng.sample(makers, rng.randrange(2, 5)))]


def alerts_of(count: int, seed: int = 0) -> list[Alert]:
    """Realistic alerts with 18 fields: 300 pods, 80 rules, a few programs in each."""
    rng = Random(seed + 1)
    return [_alert(rng, number, "") for number in range(count)]


def new_alerts(count: int, seed: int = 0) -> list[Alert]:
    """Alerts in which every value is new."""
    rng = Random(seed + 2)
    return [_alert(rng, number, f"-{seed}-{number}") for number in range(count)]


def _alert(rng: Random, number: int, new: str) -> Alert:
    pod, rule = rng.randrange(300), rng.randrange(len(RULES))
    command = COMMANDS[(pod + rng.randrange(3)) % len(COMMANDS)]
    namespace = NAMESPACES[pod % 40] + new
    program = command.split()[0]
    fields = {
        "container.id": f"{pod * 7919:012x}{new}",
        "container.image.repository": f"registry.example.com/team/app{pod % 60}{new}",
        "container.image.tag": f"1.{pod % 9}{new}",
        "container.name": f"app{pod % 60}{new}",
        "evt.type": "execve" + new,
        "fd.cip": f"10.{rng.randrange(200)}.{number % 250 if new else 0}.{number // 250 % 250 if new else 9}",
        "fd.name": rng.choice(PATHS) + new,
        "fd.sport": str(number % 65536 if new else rng.choice((22, 80, 443, 5432, 8080))),
        "k8s.ns.name": namespace,
        "k8s.pod.name": f"{namespace}-api-{pod}",
        "proc.cmdline": f"{command} --job={rng.randrange(40)}{new}",
        "proc.exepath": f"/usr/bin/{program}{new}",
        "proc.name": program + new,
        "proc.pname": ("bash", "containerd-shim", "worker7")[pod % 3] + new,
        "proc.tty": "34816",
        "user.loginuid": "-1",
        "user.name": USERS[pod % len(USERS)] + new,
        "user.uid": str(pod % 5),
    }
    return make_alert(
        time_ns=1_767_225_600_000_000_000 + number,
        priority=list(Priority)[rule % 8],
        rule=RULES[rule] + new,
        source="syscall",
        hostname=f"node-{pod % 30}{new}",
        tags=(f"mitre_{rule % 30}", "container"),
        output=f"10:31:35.913486795: Notice {command} (user=root)",
        fields=fields,
    )
