"""A pod's files on this machine: the rendered ConfigMap and secrets, mounted as the kubelet does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.deployment.helm import Manifest, of_kind, pod_of
from tests.support.certificates import make_authority

SECRETS = {
    "ingest-path": "0123456789abcdef",
    "metrics-token": "fedcba9876543210",
    "slack": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
}


@dataclass
class MountedPod:
    """The folders of a pod below ``root``, with its paths and ports rewritten to this machine."""

    root: Path
    ports: dict[int, int]
    version: int = 0

    @property
    def config_folder(self) -> Path:
        return self.root / "etc" / "falco-bridge"

    @property
    def config(self) -> Path:
        return self.config_folder / "falco-bridge.yaml"

    def mount(self, manifests: list[Manifest]) -> None:
        """Make the pod's writable folders and secrets, and mount its ConfigMap."""
        for mount in pod_of(manifests)["containers"][0]["volumeMounts"]:
            (self.root / mount["mountPath"].lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name, value in SECRETS.items():
            secret = self.root / "run" / "secrets" / "falco-bridge" / name
            secret.write_text(f"{value}\n", encoding="utf-8")
        for name in ("http-tls", "grpc-tls"):
            if (folder := self.root / "run" / "secrets" / name).is_dir():
                make_authority(folder, "ca").issue("tls")
        for folder in self.root.glob("etc/falco-bridge-teams/*"):
            (folder / "team.route").write_text('route "all" {\n  to  console\n}\n', encoding="utf-8")
        self.swap(of_kind(manifests, "ConfigMap"))

    def swap(self, config_map: Manifest) -> None:
        """Put the ConfigMap's data in place as the kubelet does: a new folder, and ``..data`` replaced by one rename."""
        self.version += 1
        data = self.config_folder / f"..{self.version}"
        data.mkdir()
        for name, text in config_map["data"].items():
            (data / name).write_text(self._local(text) if name.endswith(".yaml") else text, encoding="utf-8")
            if not (self.config_folder / name).is_symlink():
                (self.config_folder / name).symlink_to(f"..data/{name}")
        (self.config_folder / "..data_tmp").symlink_to(data.name)
        (self.config_folder / "..data_tmp").rename(self.config_folder / "..data")

    def _local(self, text: str) -> str:
        text = re.sub(r"(?<!\w)(?=/(?:run|var|etc)/)", lambda _: str(self.root), text)
        return re.sub(r"0\.0\.0\.0:(\d+)", lambda found: f"127.0.0.1:{self.ports[int(found[1])]}", text)
