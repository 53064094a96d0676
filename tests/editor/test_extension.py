"""The VS Code extension that is shipped is made of the files beside it, and works with the server."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.editor.test_editors import environment, prepared

EDITORS = Path(__file__).parents[2] / "examples" / "editors"


def test_the_package_contains_the_present_sources() -> None:
    """Build it again with `npm run package` after a change."""
    with zipfile.ZipFile(EDITORS / "vscode" / "falco-bridge.vsix") as package:
        shipped = {name.removeprefix("extension/"): package.read(name) for name in package.namelist()}
    for name in ("package.json", "language-configuration.json"):
        assert json.loads(shipped[name]) == json.loads((EDITORS / "vscode" / name).read_bytes())
    assert shipped["syntaxes/route.tmLanguage.json"] == (EDITORS / "route.tmLanguage.json").read_bytes()
    main = json.loads(shipped["package.json"])["main"].removeprefix("./")
    digest = hashlib.sha256((EDITORS / "vscode" / "src" / "extension.ts").read_bytes()).hexdigest()
    assert shipped[main].decode().splitlines()[-1] == f"// {digest}  src/extension.ts"
    assert b"falcoBridge.command" in shipped[main]
    assert len(shipped) < 12


def test_the_package_shows_the_problems_of_a_file(tmp_path: Path) -> None:
    """The packaged code with its language client, in Node.js. VS Code's own part is a module of the tests."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the packaged extension cannot be run")
    with zipfile.ZipFile(EDITORS / "vscode" / "falco-bridge.vsix") as package:
        package.extractall(tmp_path / "package")
    main = tmp_path / "package" / "extension" / "dist" / "extension.js"
    project = prepared(tmp_path).parent
    own = {"EXTENSION": str(main), "PROJECT": str(project), "COMMAND": json.dumps(["falco-bridge", "lsp"])}
    command = [node, str(Path(__file__).parents[1] / "data" / "editors" / "vscode" / "drive.js")]
    ran = subprocess.run(
        command, env={**environment(tmp_path), **own}, capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert (seen["problems"], seen["errors"]) == ([["R201", 8]], [])
    assert {"registerCompletionItemProvider", "registerHoverProvider", "registerRenameProvider"} <= {*seen["providers"]}
