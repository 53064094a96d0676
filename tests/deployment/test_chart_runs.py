"""The chart's config passes `check`, and a real bridge runs with it, answers the probes and reloads it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
import yaml

from tests.deployment.helm import CHART, KUBERNETES, Values, needs_helm, of_kind, pod_of, render, run_helm
from tests.deployment.mounted import SECRETS, MountedPod
from tests.deployment.test_chart import CASES
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ALERT = {
    "rule": "r",
    "priority": "Error",
    "output": "o",
    "time": "2026-01-29T00:00:00Z",
    "output_fields": {"proc.name": "ash"},
}
CHANGED = 'route "shells" {\n  when  proc.name = ash\n  to    console\n  title "a shell, by the new route"\n}\n'


def mounted(folder: Path, values: Values) -> MountedPod:
    pod = MountedPod(folder, {2801: free_port(), 9376: free_port(), 9378: free_port(), 2804: free_port()})
    pod.mount(render(values))
    return pod


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_the_config_has_no_problems(case: str, tmp_path: Path) -> None:
    """`check` in a pod with the secrets finds nothing, and the routes are formatted. There is no database here."""
    pod = mounted(tmp_path, CASES[case])
    without = ["--no-secrets"] if case in {"PostgreSQL", "fleet"} else []
    for verb in (["check", *without, "--config", pod.config], ["fmt", "--check", pod.config_folder / "falco.route"]):
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *map(str, verb)], capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def readme_values(title: str) -> Values:
    """The YAML of the chart's README below this comment."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"<!-- {title} -->\n```yaml\n(.*?)```", text, re.DOTALL)
    values: Values = yaml.safe_load(block)
    return values


@needs_helm
def test_the_readmes_values_work(tmp_path: Path) -> None:
    """The config that they make has no problems, and Falco's URL is that of the Service."""
    values = readme_values("values")
    pod = mounted(tmp_path, values)
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "check", "--config", pod.config],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout == "no problems\n", done.stdout + done.stderr
    service = of_kind(render(values, release="falco-bridge"), "Service")
    (port,) = [each["port"] for each in service["spec"]["ports"] if each["name"] == "alerts"]
    url = f"http://{service['metadata']['name']}.falco.svc.cluster.local:{port}/PATH"
    assert readme_values("values of Falco")["falco"]["http_output"]["url"] == url


@needs_helm
def test_routes_can_be_given_as_files(tmp_path: Path) -> None:
    """By the option in the README, byte for byte."""
    (tmp_path / "falco.route").write_text(CHANGED, encoding="utf-8")
    (option,) = re.findall(r"--set-file '(.*?)=falco\.route'", (CHART / "README.md").read_text(encoding="utf-8"))
    done = run_helm(
        "template", "fb", CHART, "--kube-version", KUBERNETES, f"--set-file={option}={tmp_path}/falco.route",
        "--show-only", "templates/configmap.yaml",
    )  # fmt: skip
    assert yaml.safe_load(done.stdout)["data"]["falco.route"] == CHANGED, done.stderr


@needs_helm
def test_the_routes_of_a_team_are_a_group(tmp_path: Path) -> None:
    """They are read from the team's ConfigMap and see only what `where` allows."""
    values = {"teams": [{"name": "payments", "configMap": "payments-routes", "where": "k8s.ns.name = payments"}]}
    pod = mounted(tmp_path, values)
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_text(
        "".join(json.dumps(ALERT | {"output_fields": {"k8s.ns.name": each}}) + "\n" for each in ("payments", "other")),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "explain", "--config", pod.config, "--alerts", alerts],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout.count('route "payments/all": matched') == 1, done.stdout + done.stderr


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[MountedPod, subprocess.Popen[bytes]]]:
    pod = mounted(tmp_path, {})
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge", "--config", str(pod.config)], cwd="/", stdout=out, stderr=out
        )
    yield pod, process
    process.kill()
    process.wait()


@needs_helm
def test_a_bridge_runs_with_it(running: tuple[MountedPod, subprocess.Popen[bytes]]) -> None:
    """It takes posts at the secret path, answers the probes as declared, and uses a changed ConfigMap."""
    pod, process = running
    base = f"http://127.0.0.1:{pod.ports[9376]}"
    (container,) = pod_of(render())["containers"]
    probes = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {container[name]["httpGet"]["port"] for name in probes} == {"metrics"}
    with urllib3.PoolManager(retries=False, timeout=60) as http:

        def status(path: str, token: str = "") -> int:
            try:
                return http.request("GET", base + path, headers={"Authorization": f"Bearer {token}"}).status
            except urllib3.exceptions.HTTPError:
                return 0

        wait_until(lambda: status(probes["readinessProbe"]) == 200, "the bridge to be ready")
        assert (status(probes["startupProbe"]), status(probes["livenessProbe"])) == (200, 200)
        assert (status("/metrics"), status("/metrics", SECRETS["metrics-token"])) == (401, 200)

        def post(path: str, number: int) -> int:
            body = json.dumps(ALERT | {"rule": f"alert {number}"})
            return http.request("POST", f"http://127.0.0.1:{pod.ports[2801]}/{path}", body=body).status

        assert (post("", 1), post(SECRETS["ingest-path"], 2)) == (401, 200)

        def printed() -> str:
            return (pod.root / "out").read_text(encoding="utf-8")

        wait_until(lambda: "alert 2" in printed(), "the first message")
        changed = of_kind(render({"routes": {"falco.route": CHANGED}}), "ConfigMap")
        pod.swap(changed)
        wait_until(lambda: '"reloaded"' in printed(), "the reload")
        assert post(SECRETS["ingest-path"], 3) == 200
        wait_until(lambda: "a shell, by the new route" in printed(), "a message of the new route")
    process.terminate()
    assert process.wait(100) == 0
    assert (pod.root / "var" / "lib" / "falco-bridge" / "journal.db").exists()
