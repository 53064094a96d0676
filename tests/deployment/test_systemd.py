"""The systemd units: systemd accepts them, and they fit the production config."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES, prepared, read_config, secrets_of


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
