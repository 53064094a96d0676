"""The rights that the chart gives a pod suffice: a real bridge reads what root wrote, without capabilities."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Self

import pytest

import bridge
from tests.deployment.helm import Manifest, Values, needs_helm, pod_of, render
from tests.deployment.mounted import MountedPod
from tests.deployment.test_chart_runs import ALERT
from tests.support.ports import free_port
from tests.support.waiting import wait_until

UNPRIVILEGED = 65532


PATHS = os.pathsep.join([str(Path(bridge.__file__).parents[1]), sysconfig.get_path("purelib")])


@cache
def python() -> str:
    """An interpreter that another user can run too; the development environment's may be below /root."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return ""
    for each in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        nested = f"import bridge, subprocess; subprocess.run([{each!r}, '-c', 'import bridge'], check=True)"
        probe = ["setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups", each, "-c", nested]
        environment = os.environ | {"PYTHONPATH": PATHS}
        done = subprocess.run(probe, cwd="/", env=environment, capture_output=True, timeout=100, check=False)
        if done.returncode == 0:
            return each
    return ""


as_root = pytest.mark.skipif(
    not python(), reason="this needs root, setpriv, and a Python and a checkout that the pod's user can read"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


def as_pod(pod: Manifest, container: Manifest) -> list[str]:
    """Setpriv with the user, groups and capabilities that Kubernetes would give the container."""
    context = pod["securityContext"] | container["securityContext"]
    groups = [context["fsGroup"], *context.get("supplementalGroups", ())]
    added = [f"+{name.lower()}" for name in context["capabilities"].get("add", ())]
    return [
        "setpriv",
        f"--reuid={context['runAsUser']}",
        f"--regid={context['runAsGroup']}",
        f"--groups={','.join(map(str, groups))}",
        f"--bounding-set={','.join(['-all', *added])}",
        "--no-new-privs",
    ]


def mounted(folder: Path, values: Values) -> tuple[MountedPod, Manifest]:
    """The pod's folders as the kubelet makes them. Root owns the node's folder for the journal."""
    pod = MountedPod(folder, {9376: free_port()})
    manifests = render({"mode": "node", "metrics": {"tokenKey": ""}} | values)
    pod.mount(manifests)
    for secret in (folder / "run" / "secrets" / "falco-bridge").iterdir():
        secret.chmod(0o440)
        os.chown(secret, 0, UNPRIVILEGED)
    (folder / "run" / "falco-bridge").chmod(0o777)
    return pod, pod_of(manifests)


class Running:
    """A bridge with a pod's rights."""

    def __init__(self, pod: MountedPod, spec: Manifest) -> None:
        (container,) = spec["containers"]
        self.output = pod.root / "out"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [*as_pod(spec, container), python(), "-m", "bridge", "--config", str(pod.config)],
                cwd="/", env=os.environ | {"PYTHONPATH": PATHS}, stdout=out, stderr=out,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(100)

    def await_alert(self) -> None:
        """Wait for the message about the alert; the process still has no capabilities then."""

        def printed() -> str:
            return self.output.read_text(encoding="utf-8")

        wait_until(lambda: "[ERROR] r" in printed() or self.process.poll() is not None, "a message about the alert")
        assert "[ERROR] r" in printed(), printed()
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        assert f"CapEff:\t{0:016x}" in status
        assert f"CapBnd:\t{0:016x}" in status


@needs_helm
@as_root
def test_the_pods_user_reads_container_logs_and_owns_the_journal(folder: Path) -> None:
    """The init container gives it the folder with one capability. Logs are root's, with mode 0640."""
    pod, spec = mounted(folder, {"node": {"containerLogs": {"readFrom": "start"}}})
    journal = folder / "var" / "lib" / "falco-bridge"
    (initial,) = spec["initContainers"]
    command = [*initial["command"][:3], str(journal), *initial["command"][4:]]
    for _ in range(2):  # a second start changes nothing and needs no more rights
        done = subprocess.run(
            [*as_pod(spec, initial), *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        found = journal.stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (UNPRIVILEGED, 0o700)
    log = folder / "var" / "log" / "pods" / "falco_falco-x_1" / "falco" / "0.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"2026-01-29T00:00:00.000000000Z stdout F {json.dumps(ALERT)}\n", encoding="utf-8")
    log.chmod(0o640)
    (folder / "var" / "log" / "containers" / "falco-x_falco_falco-1.log").symlink_to(log)
    with Running(pod, spec) as running:
        running.await_alert()
    assert (journal / "journal.db").stat().st_uid == UNPRIVILEGED


@needs_helm
@as_root
def test_root_without_capabilities_reads_falcos_socket(folder: Path) -> None:
    """Falco's socket is root's, with mode 0755; so is the node's folder for the journal."""
    pod, spec = mounted(folder, {"node": {"source": "grpc"}})
    assert "initContainers" not in spec
    alerts, socket = folder / "alerts.jsonl", folder / "run" / "falco" / "falco.sock"
    alerts.write_text(json.dumps(ALERT) + "\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "simulate", str(alerts), "--listen", f"unix:{socket}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as falco:  # fmt: skip
        wait_until(socket.exists, "the simulated Falco")
        socket.chmod(0o755)
        with Running(pod, spec) as running:
            running.await_alert()
        falco.terminate()
