"""Warnings about a config with which the bridge starts, such as folders that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bridge.config.load import LoadedConfig
from bridge.config.schema.sources import FileSettings, SocketSettings
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span

_GLOB = re.compile(r"[*?\[]")


def config_warnings(loaded: LoadedConfig) -> list[Diagnostic]:
    """What is suspicious in the text, and the folders of journal, sources and admin socket that do not exist here."""
    if loaded.config is None:
        return list(loaded.warnings)
    return [
        *loaded.warnings,
        *(Diagnostic(Code.MISSING_FOLDER, f"there is no folder {folder}", span, "create it, or name another")
          for folder, span in dict(_folders(loaded)).items() if not folder.is_dir()),
    ]  # fmt: skip


def _folders(loaded: LoadedConfig) -> Iterator[tuple[Path, Span]]:
    config = loaded.config
    assert config is not None
    spans = loaded.spans
    if config.admin.socket is not None and ("admin",) in spans:
        yield config.admin.socket.parent, spans.get(("admin", "socket"), spans["admin",])
    yield config.journal.path.parent, spans.get(("journal", "path"), spans["journal",])
    for at, source in enumerate(config.sources):
        if isinstance(source, FileSettings):
            parts = Path(source.file.pattern).parent.parts
            fixed = [part for at, part in enumerate(parts) if not any(map(_GLOB.search, parts[: at + 1]))]
            yield Path(*fixed), spans["sources", at, "file"]
        elif isinstance(source, SocketSettings):
            yield source.socket.parent, spans["sources", at, "socket"]
