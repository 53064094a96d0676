"""The lock files name every dependency with a version that pyproject.toml allows and with hashes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = [
    each for name, needed in PROJECT["project"]["optional-dependencies"].items() if name != "dev" for each in needed
]


def locked(name: str) -> dict[str, str]:
    """The version of each package; several versions of one have markers."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    versions: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        found = re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)[^#]*?( --hash=sha256:[0-9a-f]{64}|\s)+$", line + " ")
        assert found is not None, line
        assert "--hash=sha256:" in line, line
        versions[canonicalize_name(found[1])] = found[2]
    return versions


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-extras.lock", PROJECT["project"]["dependencies"] + EXTRAS),
        ("requirements-build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_every_dependency_is_locked(name: str, wanted: list[str]) -> None:
    versions = locked(name)
    for each in map(Requirement, wanted):
        version = versions.get(canonicalize_name(each.name))
        assert version is not None, f"{each.name} is missing; run make lock"
        assert version in each.specifier, f"{each} does not allow {version}; run make lock"


def test_the_bill_of_materials_lists_what_is_locked(tmp_path: Path) -> None:
    """With versions and hashes. `make sbom` validates it against CycloneDX's schema."""
    file = tmp_path / "bom.json"
    command = ["make", "-o", ".venv/.ready", "sbom", f"SBOM={file}", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    bom = json.loads(file.read_text(encoding="utf-8"))
    components = {canonicalize_name(each["name"]): each for each in bom["components"]}
    assert {name: each["version"] for name, each in components.items()} == locked("requirements-extras.lock")
    hashes = {
        each["content"]
        for component in components.values()
        for reference in component["externalReferences"]
        for each in reference.get("hashes", ())
    }
    text = (ROOT / "requirements-extras.lock").read_text(encoding="utf-8")
    assert hashes == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))
    root = bom["metadata"]["component"]
    assert (root["name"], root["version"]) == ("falco-bridge", version("falco-bridge"))
    assert list(tmp_path.iterdir()) == [file]


def test_both_images_have_the_same_versions() -> None:
    """Of the packages that they share."""
    smaller, larger = locked("requirements.lock"), locked("requirements-extras.lock")
    assert smaller.items() <= larger.items()
