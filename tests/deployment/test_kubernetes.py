"""The manifests of examples/kubernetes: Kubernetes accepts them, they agree with each other, and the config is valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.examples import EXAMPLES, make_folders, prepared, read_config, run, secrets_of


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((EXAMPLES / "kubernetes" / name).read_text(encoding="utf-8"))


def by_kind(name: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in documents(name)}


@pytest.mark.parametrize("version", ["1.25", "1.37"])
@pytest.mark.parametrize("name", ["kubernetes/falco-bridge.yaml", "kubernetes/falco-grpc.yaml", "terminal/pod.yaml"])
def test_kubernetes_accepts_the_manifests(name: str, version: str) -> None:
    """By the schemas of an old and a new Kubernetes, in which unknown keys are errors."""
    for document in yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_config_map_checks_and_its_tests_pass(tmp_path: Path) -> None:
    """No diagnostics once the secrets exist, and all route tests pass."""
    data = by_kind("falco-bridge.yaml")["ConfigMap"]["data"]
    (tmp_path / "cluster.route").write_text(data["cluster.route"], encoding="utf-8")
    config = prepared(data["falco-bridge.yaml"], tmp_path)
    run("fmt", "--check", tmp_path / "cluster.route")
    make_folders(tmp_path)
    assert run("check", "--config", config) == "no problems\n"
    assert run("test", "--config", config).endswith("1 passed, 0 failed\n")


def test_the_deployment_provides_what_the_config_uses(tmp_path: Path) -> None:
    """Ports, volumes, secrets, probes and grace period fit the config, and the container is unprivileged."""
    found = by_kind("falco-bridge.yaml")
    text = found["ConfigMap"]["data"]["falco-bridge.yaml"]
    (tmp_path / "cluster.route").write_text(found["ConfigMap"]["data"]["cluster.route"], encoding="utf-8")
    config = read_config(prepared(text, tmp_path))
    assert config.metrics is not None
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"alerts": config.sources[0].http.port, "metrics": config.metrics.listen.port}
    mounts = {each["name"]: Path(each["mountPath"]) for each in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    assert tmp_path / mounts["journal"].relative_to("/") == config.journal.path.parent
    assert tmp_path / mounts["run"].relative_to("/") == config.admin.socket.parent
    assert {path.parent for path in secrets_of(text)} == {mounts["secrets"]}
    assert container["args"] == ["--config", f"{mounts['config']}/falco-bridge.yaml"]
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {
        "metrics"
    }
    assert pod["terminationGracePeriodSeconds"] > config.shutdown.drain.seconds
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["securityContext"]["runAsNonRoot"]
    created = re.findall(
        r"--from-file=([\w-]+)", (EXAMPLES / "kubernetes" / "falco-bridge.yaml").read_text(encoding="utf-8")
    )
    assert sorted(created) == sorted(path.name for path in secrets_of(text))


def test_names_in_the_manifests_agree() -> None:
    """Selectors select the pod, claims and volumes exist, and Falco posts to the Service's name and port."""
    found = by_kind("falco-bridge.yaml")
    template = found["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    service = found["Service"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert {document["metadata"]["namespace"] for document in found.values()} == {"falco"}
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert (
        volumes["journal"]["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    )
    assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    (values,) = documents("falco-values.yaml")
    (port,) = [each["port"] for each in service["spec"]["ports"] if each["name"] == "alerts"]
    address = f"http://{service['metadata']['name']}.falco.svc.cluster.local:{port}/"
    assert values["falco"]["http_output"]["url"].startswith(address)


def test_the_source_for_older_falcos_reads_the_headless_service(tmp_path: Path) -> None:
    """README's source is a valid config with the Service's name and port, and README's values use the same port."""
    (service,) = documents("falco-grpc.yaml")
    readme = (EXAMPLES / "kubernetes" / "README.md").read_text(encoding="utf-8")
    source, values = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    certificates = tmp_path / "run" / "secrets" / "falco-grpc"
    certificates.mkdir(parents=True)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (certificates / name).touch()
    (tmp_path / "a.route").write_text("otherwise { to a }\n", encoding="utf-8")
    rest = "channels: {a: 'file://a.jsonl'}\nroutes: a.route\njournal: journal.db\n"
    config = read_config(prepared(source + rest, tmp_path))
    (port,) = service["spec"]["ports"]
    assert service["spec"]["clusterIP"] == "None"
    assert config.sources[0].discover.host == f"{service['metadata']['name']}.falco.svc.cluster.local"
    assert config.sources[0].discover.port == port["port"]
    assert yaml.safe_load(values)["falco"]["grpc"]["bind_address"].endswith(f":{port['targetPort']}")
