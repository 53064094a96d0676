"""The VS Code extension that is shipped is made of the files beside it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

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
