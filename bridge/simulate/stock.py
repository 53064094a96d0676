"""Alerts of Falco's stock rules: names, priorities, tags and fields are those of Falco 0.43."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.alert import INTERNAL_SOURCE, MISSING
from bridge.common.clocks.times import iso_text
from bridge.simulate.clock import day_text
from bridge.simulate.recording import JsonRecording

Value = str | int | None


@dataclass(frozen=True, slots=True)
class StockRule:
    """A rule: ``shown`` are the keys that its output prints, each with its field."""

    name: str
    priority: str
    tags: tuple[str, ...]
    text: str
    shown: tuple[tuple[str, str], ...]
    source: str = "syscall"

    def fire(self, time_ns: int, hostname: str, values: Mapping[str, Value]) -> JsonRecording:
        """The alert with these values; what the rule prints and ``values`` lacks is missing."""
        fields: dict[str, Value] = {field: values.get(field) for _, field in self.shown}
        pairs = " ".join(f"{key}={_text(fields[field])}" for key, field in self.shown)
        body = {
            "hostname": hostname,
            "output": f"{day_text(time_ns)}: {self.priority} {self.text} ({pairs})",
            "output_fields": {"evt.time": time_ns, **dict(sorted(fields.items()))},
            "priority": self.priority,
            "rule": self.name,
            "source": self.source,
            "tags": sorted(self.tags),
            "time": iso_text(time_ns),
        }
        return JsonRecording(body, time_ns)


def syscall_drop(time_ns: int, hostname: str, drops: int) -> JsonRecording:
    """Falco's own alert about itself: no tags, no time before its text, counters as text."""
    kinds = ("clone_fork_exit", "close_exit", "connect_exit", "dir_file_exit", "execve_exit", "open_exit")
    fields = {
        "ebpf_enabled": "1",
        "n_drops": str(drops),
        "n_evts": str(drops * 190),
        "n_drops_buffer_total": str(drops),
    }
    fields |= {f"n_drops_buffer_{kind}": "0" for kind in kinds} | {"n_drops_buffer_open_exit": str(drops)}
    fields |= {"n_drops_buffer_other_interest_exit": "0", "n_drops_buffer_proc_exit": "0"}
    fields |= {"n_drops_bug": "0", "n_drops_page_faults": "0", "n_drops_scratch_map": "0"}
    body = {
        "hostname": hostname,
        "output": f"Falco internal: syscall event drop. {drops} system calls dropped in last second.",
        "output_fields": dict(sorted(fields.items())),
        "priority": "Debug",
        "rule": "Falco internal: syscall event drop",
        "source": INTERNAL_SOURCE,
        "time": iso_text(time_ns),
    }
    return JsonRecording(body, time_ns)


def _text(value: Value) -> str:
    return MISSING if value is None else str(value)


_WHO = (("user", "user.name"), ("user_uid", "user.uid"), ("user_loginuid", "user.loginuid"))
_WHAT = (
    ("process", "proc.name"),
    ("proc_exepath", "proc.exepath"),
    ("parent", "proc.pname"),
    ("command", "proc.cmdline"),
    ("terminal", "proc.tty"),
)
_WHERE = (
    ("container_id", "container.id"),
    ("container_name", "container.name"),
    ("container_image_repository", "container.image.repository"),
    ("container_image_tag", "container.image.tag"),
    ("k8s_pod_name", "k8s.pod.name"),
    ("k8s_ns_name", "k8s.ns.name"),
)
_EVENT = (("evt_type", "evt.type"),)
_CONNECTION = (
    ("connection", "fd.name"),
    ("lport", "fd.lport"),
    ("rport", "fd.rport"),
    ("fd_type", "fd.type"),
    ("fd_proto", "fd.l4proto"),
)
_AUDIT = (
    ("user", "ka.user.name"),
    ("verb", "ka.verb"),
    ("target", "ka.target.name"),
    ("resource", "ka.target.resource"),
    ("ns", "ka.target.namespace"),
    ("response", "ka.response.code"),
    ("agent", "ka.useragent"),
)

TERMINAL_SHELL = StockRule(
    "Terminal shell in container",
    "Notice",
    ("T1059", "container", "maturity_stable", "mitre_execution", "shell"),
    "Somebody opened a shell with a terminal in a container",
    (*_EVENT, *_WHO, *_WHAT, ("exe_flags", "evt.arg.flags"), *_WHERE),
)
SHELL_COMMAND = StockRule(
    "Shell command in pod",
    "Notice",
    ("T1059", "container", "mitre_execution", "shell"),
    "A command was typed in a pod's shell",
    (*_EVENT, *_WHO, *_WHAT, *_WHERE),
)
PACKAGE_MANAGER = StockRule(
    "Launch Package Management Process in Container",
    "Error",
    ("T1505", "container", "maturity_sandbox", "mitre_persistence", "process", "software_mgmt"),
    "A package manager ran in a container",
    (*_EVENT, *_WHO, *_WHAT, *_WHERE),
)
SENSITIVE_FILE = StockRule(
    "Read sensitive file untrusted",
    "Warning",
    ("T1555", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access"),
    "A program that is not trusted with it read a sensitive file",
    (("file", "fd.name"), ("gparent", "proc.aname[2]"), ("ggparent", "proc.aname[3]"), *_EVENT, *_WHO, *_WHAT, *_WHERE),
)
CONTACT_API = StockRule(
    "Contact K8S API Server From Container",
    "Notice",
    ("T1565", "container", "k8s", "maturity_stable", "mitre_discovery", "network"),
    "A container that has no business there spoke to the Kubernetes API server",
    (*_CONNECTION, *_EVENT, *_WHO, *_WHAT, *_WHERE),
)
PRIVATE_KEYS = StockRule(
    "Search Private Keys or Passwords",
    "Warning",
    ("T1552.001", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access", "process"),
    "Somebody searched for private keys or passwords",
    (*_EVENT, *_WHO, *_WHAT, *_WHERE),
)
NEW_BINARY = StockRule(
    "Drop and execute new binary in container",
    "Critical",
    ("PCI_DSS_11.5.1", "TA0003", "container", "maturity_stable", "mitre_persistence", "process"),
    "A program ran that was not in the container's image",
    (*_EVENT, *_WHO, *_WHAT, ("exe_flags", "evt.arg.flags"), *_WHERE),
)
REDIRECTED = StockRule(
    "Redirect STDOUT/STDIN to Network Connection in Container",
    "Notice",
    ("T1059", "container", "maturity_stable", "mitre_execution", "network", "process"),
    "A process in a container has a network connection for its input and output",
    (*_CONNECTION, *_EVENT, *_WHO, *_WHAT, *_WHERE),
)
POD_EXEC = StockRule(
    "Attach/Exec Pod",
    "Notice",
    ("k8s",),
    "Somebody attached to a pod or ran a command in it",
    (*_AUDIT, ("action", "ka.target.subresource"), ("command", "ka.uri.param[command]")),
    source="k8s_audit",
)
