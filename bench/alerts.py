"""Realistic, distinct alerts for benchmarks."""

from __future__ import annotations

from bridge.alert import Alert, Priority, make_alert

_COMMANDS = ("rm -rf /data/cache", "kubectl get pods", "cat /etc/passwd", "curl -s http://10.0.0.7/x", "ls -la /srv")


def alerts(count: int, *, seed: int = 0) -> list[Alert]:
    """Alerts of one rule with fourteen fields, over several namespaces, pods and users."""
    return [_alert(seed * 10_000_000 + number) for number in range(count)]


def _alert(number: int) -> Alert:
    command = _COMMANDS[number % len(_COMMANDS)]
    fields = {
        "container.id": f"{number % 977:012x}",
        "container.image.repository": "docker.io/library/nginx",
        "container.image.tag": "1.27",
        "container.name": "nginx",
        "evt.type": "execve",
        "k8s.ns.name": ("payments", "checkout", "staging", "default")[number % 4],
        "k8s.pod.name": f"api-{number % 53}",
        "proc.cmdline": f"{command} {number}",
        "proc.exepath": "/usr/bin/dash",
        "proc.name": command.split()[0],
        "proc.pname": "containerd-shim",
        "proc.tty": "34816",
        "user.name": ("root", "www-data", "deploy")[number % 3],
        "user.uid": str(number % 3),
    }
    return make_alert(
        time_ns=1_714_732_295_000_000_000 + number * 1_000_003,
        priority=Priority.NOTICE,
        rule="Terminal shell in container",
        source="syscall",
        hostname=f"node-{number % 7}",
        tags=("T1059", "container", "maturity_stable", "mitre_execution", "shell"),
        output=f"10:31:35.913486795: Notice A shell was spawned in a container (user=root command={command} {number})",
        fields=fields,
    )
