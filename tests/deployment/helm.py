"""The real Helm, and what it renders of the chart."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "examples" / "helm" / "falco-bridge"
KUBERNETES = "1.34"
CUSTOM = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of the Prometheus operator, which have no schema in Kubernetes."""

Values = dict[str, Any]
Manifest = dict[str, Any]


def helm() -> str | None:
    """The program that `make helm` has built, or one that is installed."""
    built = sorted((ROOT / "build" / "tools").glob("helm-*"))
    return str(built[-1]) if built else shutil.which("helm")


needs_helm = pytest.mark.skipif(
    helm() is None, reason="there is no helm: `make helm` builds it where Go and its module proxy are available"
)


def run_helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = helm()
    assert program is not None
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )


def render(values: Values | None = None, release: str = "fb") -> list[Manifest]:
    """The manifests of a release in the namespace ``falco``."""
    return [dict(each) for each in _rendered(json.dumps(values or {}), release)]


def refused(values: Values) -> str:
    """Why Helm does not render with these values."""
    done = _template(json.dumps(values), "fb")
    assert done.returncode != 0
    return done.stderr


@cache
def _rendered(values: str, release: str) -> tuple[Manifest, ...]:
    done = _template(values, release)
    assert done.returncode == 0, done.stderr
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def _template(values: str, release: str) -> subprocess.CompletedProcess[str]:
    arguments = [f"--set-json={key}={json.dumps(value)}" for key, value in json.loads(values).items()]
    return run_helm("template", release, CHART, "--namespace", "falco", "--kube-version", KUBERNETES, *arguments)


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    """The only manifest of this kind."""
    (found,) = [
        each for each in manifests if each["kind"] == kind and not each["metadata"]["name"].endswith("-dashboard")
    ]
    return found


def pod_of(manifests: list[Manifest]) -> Manifest:
    (workload,) = [each for each in manifests if each["kind"] in {"StatefulSet", "DaemonSet", "Deployment"}]
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def documented_keys(text: str) -> set[str]:
    """The keys of values.yaml, with their sections."""
    found: set[str] = set()

    def collect(values: Any, path: str) -> None:
        if isinstance(values, dict):
            for key, value in values.items():
                found.add(f"{path}{key}")
                collect(value, f"{path}{key}.")

    collect(yaml.safe_load(re.sub(r"(?m)^\s*#.*$", "", text)), "")
    return found
