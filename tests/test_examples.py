"""The examples are valid: configs and routes pass `check`, `test` and `fmt`, and unit and manifests fit them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.config.load import load_config
from bridge.config.schema.config import Config
from bridge.terminal.rules import KINDS, Kind

EXAMPLES = Path(__file__).parent.parent / "examples"
SECRETS = {"slack": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "pagerduty": "a" * 32}
"""Well-formed secrets of services that check their form."""


def run(*arguments: object) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *map(str, arguments)], cwd=EXAMPLES.parent, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def secrets_of(text: str) -> list[Path]:
    return [Path(path) for path in re.findall(r"\$\{file:([^}]+)\}", text)]


def prepared(text: str, folder: Path) -> Path:
    """The config rewritten to a test folder, with its absolute paths and secrets there."""
    for path in secrets_of(text):
        secret = folder / path.relative_to("/")
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(SECRETS.get(path.name, "0123456789abcdef") + "\n", encoding="utf-8")
    config = folder / "falco-bridge.yaml"
    config.write_text(re.sub(r"(?<=[ :/])/?(?=/(?:run|var)/)", lambda _: str(folder), text), encoding="utf-8")
    return config


def read_config(path: Path) -> Config:
    loaded = load_config(path, {})
    assert loaded.config is not None, loaded.errors().text()
    return loaded.config


def make_folders(root: Path) -> None:
    """The folders that the machine has where the example runs."""
    for folder in ("var/lib/falco-bridge", "var/log/falco", "run/falco-bridge", "run/falco"):
        (root / folder).mkdir(parents=True, exist_ok=True)


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((EXAMPLES / "kubernetes" / name).read_text(encoding="utf-8"))


def by_kind(name: str) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in documents(name)}


def test_every_route_file_is_formatted() -> None:
    """`fmt --check` finds nothing to change."""
    run("fmt", "--check", *sorted(EXAMPLES.rglob("*.route")))


def test_the_production_config_checks_and_its_tests_pass(tmp_path: Path) -> None:
    """No diagnostics once the secrets exist, and all route tests pass."""
    shutil.copytree(EXAMPLES / "production", tmp_path, dirs_exist_ok=True)
    config = prepared((EXAMPLES / "production" / "falco-bridge.yaml").read_text(encoding="utf-8"), tmp_path)
    make_folders(tmp_path)
    assert run("check", "--config", config) == "no problems\n"
    assert run("test", "--config", config).endswith("3 passed, 0 failed\n")


def test_the_terminal_config_checks_and_its_tests_pass(tmp_path: Path) -> None:
    """No diagnostics, and the routes page for what the recorded session of the quick start types."""
    shutil.copytree(EXAMPLES / "terminal", tmp_path, dirs_exist_ok=True)
    config = prepared((EXAMPLES / "terminal" / "falco-bridge.yaml").read_text(encoding="utf-8"), tmp_path)
    make_folders(tmp_path)
    assert run("check", "--config", config) == "no problems\n"
    assert run("test", "--config", config).endswith("3 passed, 0 failed\n")
    shown = run("commands", "--from", EXAMPLES / "quickstart" / "terminal.jsonl")
    assert "root (alice@example.com, by Kubernetes audit)" in shown.splitlines()[0]
    assert '|sh" > /etc/cron.d/x\n            wrote /etc/cron.d/x\n' in shown


def test_the_terminal_rules_are_those_that_the_bridge_knows() -> None:
    """By name, with the fields that it reads, and never the one that shows other events' bytes."""
    rules: dict[str, dict[str, Any]] = {}
    for name in ("cheap.rules.yaml", "full.rules.yaml"):
        document = yaml.safe_load((EXAMPLES / "terminal" / name).read_text(encoding="utf-8"))
        rules |= {each["rule"]: each for each in document if "rule" in each}
    assert set(rules) == set(KINDS) - {"fb: shell ended"}
    needed = {
        "evt.num",
        "proc.name",
        "proc.pid",
        "proc.pid.ts",
        "proc.ppid",
        "proc.vpid",
        "proc.tty",
        "proc.sid",
        "container.id",
    }
    for name, rule in rules.items():
        fields = set(re.findall(r"%([a-z0-9.]+)", rule["output"]))
        assert needed <= fields, name
        assert "evt.buffer" not in fields
        if KINDS[name] in {Kind.PAINT, Kind.END, Kind.LINE}:
            assert {"evt.arg.data", "evt.rawres"} <= fields
        if KINDS[name] is Kind.KEY:
            assert not {field for field in fields if "data" in field or "buffer" in field}


def test_kubernetes_leaves_ps0_as_bash_needs_it() -> None:
    """It reads `$$` as a dollar sign; bash then announces a line."""
    pod = yaml.safe_load((EXAMPLES / "terminal" / "pod.yaml").read_text(encoding="utf-8"))
    (variable,) = pod["spec"]["containers"][0]["env"]
    guide = (EXAMPLES.parent / "docs" / "terminal.md").read_text(encoding="utf-8")
    assert f"PS0='{variable['value'].replace('$$', '$')}'" in guide


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (EXAMPLES / "systemd" / "falco-bridge.service").read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_provides_what_the_production_config_uses(tmp_path: Path) -> None:
    """Secrets, folders of journal and sockets, and a stop timeout longer than the drain time."""
    settings = unit()
    text = (EXAMPLES / "production" / "falco-bridge.yaml").read_text(encoding="utf-8")
    credentials = {value.split(":")[0] for value in settings["LoadCredential"]}
    assert {Path("/run/credentials/falco-bridge.service") / name for name in credentials} == set(secrets_of(text))
    shutil.copytree(EXAMPLES / "production", tmp_path, dirs_exist_ok=True)
    config = read_config(prepared(text, tmp_path))
    assert config.journal.path.parent == tmp_path / "var" / "lib" / settings["StateDirectory"][0]
    assert config.admin.socket.parent == tmp_path / "run" / settings["RuntimeDirectory"][0]
    assert int(settings["TimeoutStopSec"][0].removesuffix("s")) > config.shutdown.drain.seconds
    assert settings["ExecStart"] == ["/opt/falco-bridge/bin/falco-bridge --config /etc/falco-bridge/falco-bridge.yaml"]


def test_the_unit_does_not_restart_a_bridge_with_a_wrong_config(tmp_path: Path) -> None:
    """RestartPreventExitStatus is the exit code of a config error."""
    wrong = tmp_path / "falco-bridge.yaml"
    wrong.write_text("sources: []\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "--config", wrong], capture_output=True, timeout=60, check=False
    )
    assert [str(done.returncode)] == unit()["RestartPreventExitStatus"]


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
    assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {"metrics"}
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


def test_the_image_copies_what_the_build_needs() -> None:
    """Every input of the wheel exists and is copied."""
    lines = (EXAMPLES / "kubernetes" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    locks = {"requirements.lock", "requirements-build.lock"}
    assert copied == locks | {"pyproject.toml", "README.md", "LICENSE", "bridge", "grammar", "examples/quickstart"}
    assert all((EXAMPLES.parent / name).exists() for name in copied)


def test_systemd_listens_at_the_production_configs_address() -> None:
    """A socket at another address would not be used."""
    text = (EXAMPLES / "production" / "falco-bridge.yaml").read_text(encoding="utf-8")
    lines = (EXAMPLES / "systemd" / "falco-bridge.socket").read_text(encoding="utf-8").splitlines()
    (address,) = [line.removeprefix("ListenStream=") for line in lines if line.startswith("ListenStream=")]
    assert f"- http: {address}\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
@pytest.mark.parametrize("name", ["falco-bridge.service", "falco-bridge.socket"])
def test_systemd_accepts_the_unit(tmp_path: Path, name: str) -> None:
    """systemd-analyze reports no unknown key and no malformed value."""
    for unit_file in (EXAMPLES / "systemd").iterdir():
        text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit_file.read_text(encoding="utf-8"))
        (tmp_path / unit_file.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True, timeout=60, check=False
    )
    assert f"{name}:" not in done.stderr


def test_the_workflow_for_pull_requests_runs_commands_that_exist() -> None:
    """Each with options that its verb has. Nothing from the event is pasted into a script."""
    from bridge.cli.main import VERBS, make_parser

    workflow = yaml.safe_load((EXAMPLES / "ci" / "routes.yml").read_text(encoding="utf-8"))
    scripts = [step["run"] for step in workflow["jobs"]["routes"]["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]
    commands = [line.strip() for script in scripts for line in script.splitlines() if "falco-bridge " in line]
    verbs = [shlex.split(command.partition(" > ")[0])[1:] for command in commands]
    assert [words[0] for words in verbs] == ["check", "fmt", "test", "diff"]
    for words in verbs:
        make_parser(VERBS).parse_args(words)
