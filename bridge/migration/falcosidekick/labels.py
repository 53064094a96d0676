"""falcosidekick's custom fields as labels of the config."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.migration.falcosidekick.channel import Variable
from bridge.migration.falcosidekick.settings import Settings

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VARIABLE = re.compile(r"%([A-Za-z_][A-Za-z0-9_]*)")


def labels_of(settings: Settings) -> tuple[dict[str, str], list[Variable]]:
    """The labels, and the environment variables that they refer to: ``%NAME`` is ``${NAME}``."""
    labels: dict[str, str] = {}
    variables: list[Variable] = []
    for name, value in settings.mapping("customfields").items():
        if not value or not _LABEL.fullmatch(name):
            continue
        named = _VARIABLE.fullmatch(value)
        labels[name] = f"${{{named[1]}}}" if named else value
        if named:
            variables.append(Variable(named[1], settings.variables.get(named[1], ""), f"`{name}` of `customfields`"))
    return labels, variables


def label_notes(settings: Settings) -> Iterator[str]:
    """The custom fields that cannot be labels."""
    for name in settings.mapping("customfields"):
        if not _LABEL.fullmatch(name):
            yield f"customfields: {name!r} is no name of a label (letters, digits, _ and -); it is left out"
