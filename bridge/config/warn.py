"""Warnings about a config with which the bridge starts, such as folders that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bridge.common.files.presence import is_folder
from bridge.config.fleet import fleet_warnings
from bridge.config.load import LoadedConfig
from bridge.config.schema.sources import FileSettings
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span

_GLOB = re.compile(r"[*?\[]")


def config_warnings(loaded: LoadedConfig) -> list[Diagnostic]:
    """What is suspicious in the text or surprising in a fleet, and folders of file sources that do not exist here."""
    if loaded.config is None:
        return list(loaded.warnings)
    return [
        *loaded.warnings,
        *fleet_warnings(loaded),
        *(Diagnostic(Code.MISSING_FOLDER, f"there is no folder {folder}", span, "create it, or name another")
          for folder, span in dict(_folders(loaded)).items() if not is_folder(folder)),
    ]  # fmt: skip


def _folders(loaded: LoadedConfig) -> Iterator[tuple[Path, Span]]:
    config = loaded.config
    assert config is not None
    spans = loaded.spans
    for at, source in enumerate(config.sources):
        if isinstance(source, FileSettings):
            parts = Path(source.file.pattern).parent.parts
            fixed = [part for at, part in enumerate(parts) if not any(map(_GLOB.search, parts[: at + 1]))]
            yield Path(*fixed), spans["sources", at, "file"]
