"""The Helm chart: what Helm accepts, renders and refuses, and whether Kubernetes accepts it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment.helm import (
    CHART,
    CUSTOM,
    ROOT,
    Values,
    documented_keys,
    needs_helm,
    of_kind,
    pod_of,
    refused,
    render,
    run_helm,
)

MONITORED = {
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
}
CASES: dict[str, Values] = {
    "central": {},
    "everything": {
        "metrics": MONITORED,
        "central": {"podDisruptionBudget": {"enabled": True}, "http": {"tlsSecret": "tls", "clientCertificates": True}},
        "acknowledge": {"publicUrl": "https://bridge.example.org"},
        "console": {"publicUrl": "https://console.example.org"},
        "config": {"console": {"write": True, "viewers": ["*"]}},
        "networkPolicy": {
            "acknowledgeFrom": [{"namespaceSelector": {}}],
            "consoleFrom": [{"namespaceSelector": {}}],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
        },
        "teams": [{"name": "payments", "configMap": "payments-routes", "where": "k8s.ns.name = payments"}],
        "image": {"digest": "sha256:" + "0" * 64},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "imagePullSecrets": [{"name": "registry"}],
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "security"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAffinity": {}},
    },
    "old Falco": {
        "central": {
            "http": {"enabled": False},
            "grpc": {"discover": "dns://falco-grpc.falco.svc.cluster.local:5060", "tlsSecret": "falco-grpc"},
            "persistence": {"existingClaim": "journal"},
        }
    },
    "fleet": {
        "central": {"replicas": 3, "http": {"tlsSecret": "tls"}},
        "postgresql": {
            "url": "postgresql://falco_bridge@db.example.org/falco?sslmode=verify-full",
            "secret": "database",
            "passwordKey": "password",
            "tlsSecret": "database-tls",
            "clientCertificate": True,
        },
    },
    "PostgreSQL": {
        "config": {
            "journal": {
                "url": "postgresql://falco_bridge@db.example.org/falco?sslmode=verify-full",
                "password": "${file:/run/secrets/falco-bridge/database-password}",
            }
        },
        "central": {"persistence": {"size": "1Gi"}},
    },
    "without volume": {"central": {"persistence": {"enabled": False}}, "serviceAccount": {"create": False}},
    "container logs": {"mode": "node", "metrics": MONITORED},
    "container logs as root": {"mode": "node", "node": {"runAsUser": 0, "seLinuxOptions": {"type": "spc_t"}}},
    "unix socket": {"mode": "node", "node": {"source": "grpc"}},
}


@needs_helm
def test_helm_lint_finds_nothing() -> None:
    """No warning and no error; the chart has no icon."""
    done = run_helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@needs_helm
@pytest.mark.parametrize("version", ["1.25", "1.37"])
@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_kubernetes_accepts_the_manifests(values: Values, version: str) -> None:
    """By the schemas of an old and a new Kubernetes, in which unknown keys are errors."""
    manifests = render(values)
    assert len(manifests) >= 4
    for manifest in manifests:
        assert manifest["metadata"]["namespace"] == "falco"
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)


@needs_helm
@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_container_can_do_as_little_as_its_source_allows(values: Values) -> None:
    """No capability, no privilege to gain, a root file system that cannot be written, no token of Kubernetes."""
    pod = pod_of(render(values))
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    writable = {each["name"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"journal", "run", "tmp"}


@needs_helm
@pytest.mark.parametrize(
    ("case", "user", "more"),
    [
        ("central", 65532, {}),
        ("container logs", 65532, {"supplementalGroups": [0]}),
        ("container logs as root", 0, {"seLinuxOptions": {"type": "spc_t"}}),
        ("unix socket", 0, {}),
    ],
)
def test_only_a_source_that_needs_root_runs_as_root(case: str, user: int, more: dict[str, object]) -> None:
    """Container logs are readable for the group 0; Falco's socket is only for its owner."""
    pod = pod_of(render(CASES[case]))
    context = pod["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (user, user != 0)
    assert {key: context[key] for key in context if key in {"supplementalGroups", "seLinuxOptions"}} == more
    initial = [each["securityContext"]["capabilities"] for each in pod.get("initContainers", ())]
    assert initial == ([{"drop": ["ALL"], "add": ["CHOWN"]}] if case == "container logs" else [])


@needs_helm
def test_bridges_with_one_database_are_a_fleet() -> None:
    """They are spread over nodes, without volumes; the Service leaves out those that are not ready."""
    manifests = render(CASES["fleet"])
    deployment, pod = of_kind(manifests, "Deployment")["spec"], pod_of(manifests)
    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert {"name": "journal", "emptyDir": {}} in pod["volumes"]
    (term,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["labelSelector"] == deployment["selector"]
    assert of_kind(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    service = of_kind(manifests, "Service")["spec"]
    assert (service["publishNotReadyAddresses"], service["sessionAffinity"]) == (False, "ClientIP")
    config = yaml.safe_load(of_kind(manifests, "ConfigMap")["data"]["falco-bridge.yaml"])
    assert "roles" not in config  # all of them
    assert config["journal"]["password"] == "${file:/run/secrets/postgresql/password}"
    assert config["journal"]["url"].endswith(
        "?sslmode=verify-full&sslrootcert=/run/secrets/postgresql-tls/ca.crt"
        "&sslcert=/run/secrets/postgresql-tls/tls.crt&sslkey=/run/secrets/postgresql-tls/tls.key"
    )
    assert "replicas needs postgresql.url" in refused({"central": {"replicas": 2}})
    assert "needs mode: central" in refused({"mode": "node", "postgresql": {"url": "postgresql://b@db/falco"}})


@needs_helm
@pytest.mark.parametrize("case", ["central", "fleet", "container logs"])
def test_the_notes_name_what_was_installed(case: str, tmp_path: Path) -> None:
    """The command for the state of a bridge names the release's workload. Only a cluster shows notes: a copy does."""
    chart = Path(shutil.copytree(CHART, tmp_path / "chart"))
    (chart / "templates" / "NOTES.txt").rename(chart / "files" / "notes")
    notes = 'kind: ConfigMap\ndata:\n  notes: |\n    {{- tpl (.Files.Get "files/notes") . | nindent 4 }}\n'
    (chart / "templates" / "notes.yaml").write_text(notes, encoding="utf-8")
    options = [f"--set-json={key}={json.dumps(value)}" for key, value in CASES[case].items()]
    done = run_helm("template", "fb", chart, "--show-only", "templates/notes.yaml", *options)
    assert done.returncode == 0, done.stderr
    (named,) = re.findall(r"exec (\w+)/(\S+) -- falco-bridge status", done.stdout)
    (workload,) = [each for each in render(CASES[case]) if each["kind"] in {"StatefulSet", "DaemonSet", "Deployment"}]
    assert named == (workload["kind"].lower(), workload["metadata"]["name"])


@needs_helm
def test_one_bridge_writes_to_the_journal() -> None:
    """The StatefulSet has one pod, and a node's old pod ends before its new one starts."""
    central = of_kind(render(), "StatefulSet")["spec"]
    assert central["replicas"] == 1
    (claim,) = central["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    node = of_kind(render(CASES["unix socket"]), "DaemonSet")["spec"]
    assert node["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


@needs_helm
def test_every_volume_is_mounted_and_every_mount_has_a_volume() -> None:
    """A StatefulSet's claim is a volume too."""
    for name, values in CASES.items():
        manifests = render(values)
        pod = pod_of(manifests)
        claims = [
            claim["metadata"]["name"]
            for each in manifests
            for claim in each.get("spec", {}).get("volumeClaimTemplates", ())
        ]
        volumes = sorted([each["name"] for each in pod["volumes"]] + claims)
        assert sorted(each["name"] for each in pod["containers"][0]["volumeMounts"]) == volumes, name


@needs_helm
def test_selectors_select_the_pod_and_ports_have_names_that_exist() -> None:
    """Of Service, NetworkPolicy, disruption budget and ServiceMonitor."""
    manifests = render(CASES["everything"])
    labels = of_kind(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    service, policy = of_kind(manifests, "Service"), of_kind(manifests, "NetworkPolicy")["spec"]
    monitor = of_kind(manifests, "ServiceMonitor")["spec"]
    selectors = [
        service["spec"]["selector"],
        policy["podSelector"]["matchLabels"],
        of_kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    named = {each["name"] for each in pod_of(manifests)["containers"][0]["ports"]}
    assert (
        {each["targetPort"] for each in service["spec"]["ports"]}
        == named
        == {"alerts", "metrics", "acknowledge", "console"}
    )
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == named
    assert [each["port"] for each in monitor["endpoints"]] == ["metrics"]


@needs_helm
def test_alerts_reach_a_bridge_that_is_not_ready() -> None:
    """Falco posts each alert once, and the bridge holds alerts in memory while the disk is full."""
    assert of_kind(render(), "Service")["spec"]["publishNotReadyAddresses"] is True


@needs_helm
def test_monitoring_is_that_of_the_examples() -> None:
    """The alert rules and the dashboard are written once, in examples/monitoring."""
    manifests = render(CASES["everything"])
    rules = (ROOT / "examples" / "monitoring" / "prometheus-rules.yaml").read_text(encoding="utf-8")
    assert of_kind(manifests, "PrometheusRule")["spec"] == yaml.safe_load(rules)
    (dashboard,) = [each for each in manifests if each["metadata"]["name"].endswith("-dashboard")]
    original = (ROOT / "examples" / "monitoring" / "grafana-dashboard.json").read_text(encoding="utf-8")
    assert json.loads(dashboard["data"]["falco-bridge.json"]) == json.loads(original)
    assert {"release": "prometheus"}.items() <= of_kind(manifests, "PrometheusRule")["metadata"]["labels"].items()


@needs_helm
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"mode": "sidecar"}, "mode"),
        ({"central": {"http": {"prot": 2801}}}, "prot"),
        ({"config": {"chanels": {}}}, "chanels"),
        ({"config": {"admin": "/tmp/a.sock"}}, "admin"),
        ({"config": {"journal": {"path": "/data/j.db"}}}, "path"),
        ({"routes": {"owners": "x"}}, "owners"),
        ({"central": {"http": {"pathKey": ""}}}, "central.http needs pathKey"),
        ({"secret": ""}, "names a key of a Secret"),
        ({"central": {"http": {"enabled": False}}}, "no source"),
        ({"central": {"grpc": {"discover": "dns://f:5060"}}}, "needs central.grpc.tlsSecret"),
        ({"central": {"persistence": {"accessModes": ["ReadWriteMany"]}}}, "accessModes"),
        ({"node": {"journalSize": "1Gi"}}, "journalSize"),
    ],
    ids=str,
)
def test_wrong_values_are_refused(values: Values, says: str) -> None:
    """Before anything is installed, with the key's name."""
    assert says in refused(values)


def test_the_values_schema_contains_the_configs() -> None:
    """`make docs` writes it again."""
    done = subprocess.run(
        [sys.executable, "docs/site/chart_schema.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    """Values that are free, such as affinity, are leaves."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    free = {"config", "routes", "global"}

    def keys(schema: dict[str, Any], path: str) -> set[str]:
        found = set()
        for name, value in schema.get("properties", {}).items():
            if f"{path}{name}" not in free:
                found |= {f"{path}{name}"} | keys(value, f"{path}{name}.")
        return found

    declared = keys(schema, "")
    documented = documented_keys((CHART / "values.yaml").read_text(encoding="utf-8"))
    inner = ("config.", "routes.", "probes.", "resources.", "networkPolicy.", "metrics.dashboard.labels.")
    assert {each for each in documented if not each.startswith(inner)} - free == {
        each for each in declared if not each.startswith(inner)
    }


def test_the_chart_has_the_bridges_version() -> None:
    """The image's tag is the appVersion."""
    from bridge import __version__

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == chart["version"] == __version__


def test_files_of_the_chart_are_links() -> None:
    """To examples/monitoring, so that there is one copy."""
    files = sorted((CHART / "files").iterdir())
    assert [path.name for path in files] == ["grafana-dashboard.json", "prometheus-rules.yaml"]
    assert all(path.is_symlink() and path.resolve().parent == ROOT / "examples" / "monitoring" for path in files)
    assert not files[0].readlink().is_absolute()
