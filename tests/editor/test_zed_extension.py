"""The extension for Zed that is shipped is made of the files beside it."""

from __future__ import annotations

import json
import runpy
import tarfile
import tomllib
from pathlib import Path

from tests.editor.test_settings import blocks

ZED = Path(__file__).parents[2] / "examples" / "editors" / "zed"


def test_the_archive_contains_the_present_sources() -> None:
    """Build it again with ``package.py`` after a change."""
    expected = runpy.run_path(str(ZED / "package.py"))["texts"]()
    with tarfile.open(ZED / "falco-bridge.tar.gz") as archive:
        shipped = {entry.name: archive.extractfile(entry) for entry in archive}
        content = {name.removeprefix("falco-bridge/"): file.read() for name, file in shipped.items() if file}
    compiled = {name: content.pop(name) for name in ("extension.wasm", "grammars/route.wasm")}
    assert content == expected
    assert all(each.startswith(b"\0asm") for each in compiled.values())
    assert b"tree_sitter_route" in compiled["grammars/route.wasm"]
    assert b"zed:api-version" in compiled["extension.wasm"]
    assert sum(map(len, compiled.values())) < 400_000


def test_the_names_of_the_extension_fit_together() -> None:
    """The manifest, the language, the crate and the settings on the page."""
    manifest = tomllib.loads((ZED / "extension.toml").read_text("utf-8"))
    language = tomllib.loads((ZED / "languages" / "route" / "config.toml").read_text("utf-8"))
    crate = tomllib.loads((ZED / "Cargo.toml").read_text("utf-8"))
    (settings,) = map(json.loads, blocks("json"))
    assert set(manifest["grammars"]) == {language["grammar"]}
    (server,) = manifest["language_servers"]
    assert manifest["language_servers"][server]["languages"] == [language["name"]]
    assert manifest["lib"]["version"] == crate["dependencies"]["zed_extension_api"]
    assert set(settings["lsp"]) == {server}
    assert set(settings["languages"]) == {language["name"]}
