#!/usr/bin/env python3
"""Builds falco-bridge.tar.gz, the extension for Zed.

Needs Rust with the target wasm32-wasip2 (``CARGO`` is its command), and the Python package ziglang, which contains
a C compiler for WebAssembly.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GRAMMAR = HERE.parent / "tree-sitter-route" / "src"
ARCHIVE = HERE / "falco-bridge.tar.gz"
_TARGET = "wasm32-wasip2"
_BUILT = Path("target") / _TARGET / "release" / "falco_bridge_zed.wasm"


def main() -> None:
    """Build the archive."""
    subprocess.run(
        [*shlex.split(os.environ.get("CARGO", "cargo")), "build", "--release", "--target", _TARGET],
        cwd=HERE,
        check=True,
    )
    files = {**texts(), "extension.wasm": (HERE / _BUILT).read_bytes(), "grammars/route.wasm": grammar()}
    with tarfile.open(ARCHIVE, "w:gz") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"falco-bridge/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def texts() -> dict[str, bytes]:
    """The files of the archive that are not compiled."""
    languages = {str(path.relative_to(HERE)): path.read_bytes() for path in HERE.glob("languages/*/*")}
    built_from = json.dumps(sources(), indent=1).encode()
    return {**languages, "extension.toml": (HERE / "extension.toml").read_bytes(), "built-from.json": built_from}


def sources() -> dict[str, str]:
    """The digests of the files that are compiled."""
    compiled = (HERE / "Cargo.toml", HERE / "Cargo.lock", HERE / "src" / "lib.rs", *sorted(GRAMMAR.glob("*.c")))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in compiled}


def grammar() -> bytes:
    """The tree-sitter grammar as WebAssembly that a running tree-sitter links."""
    zig = [sys.executable, "-m", "ziglang"]
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        objects = [built / f"{source.stem}.o" for source in sorted(GRAMMAR.glob("*.c"))]
        for each in objects:
            options = ["--target=wasm32-wasi", "-mcpu=mvp", "-fPIC", "-Os", "-fvisibility=hidden", "-fno-sanitize=all"]
            source = GRAMMAR / f"{each.stem}.c"
            subprocess.run([*zig, "cc", *options, "-I", GRAMMAR, "-c", source, "-o", each], check=True)
        linked = built / "route.wasm"
        options = [
            "--experimental-pic",
            "-shared",
            "--strip-all",
            "--export=tree_sitter_route",
            "--allow-undefined",
            "--no-entry",
        ]
        subprocess.run([*zig, "wasm-ld", *options, *objects, "-o", linked], check=True)
        return linked.read_bytes()


if __name__ == "__main__":
    main()
