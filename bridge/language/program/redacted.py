"""Which fields of a key ``redact`` covers: recorded alerts do not have their original values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.language.program.fields.carriers import carriers_of
from bridge.language.program.program import Redaction

_OUTPUT = "output"
_COMMAND = "cmd."
"""Texts of terminal commands: redactions of command lines cover them too."""


def redacted_fields(names: Sequence[str], redactions: Iterable[Redaction]) -> tuple[str, ...]:
    """Those of the fields whose text can be masked. The output line repeats what is masked in a field."""
    masked = {name for redaction in redactions for name in redaction.fields}
    return tuple(name for name in names if masked and _is_masked(name, masked))


def _is_masked(name: str, masked: set[str]) -> bool:
    carriers = carriers_of(name)
    read = {name} if carriers is None else {name, *carriers.names}
    return name == _OUTPUT or name.startswith(_COMMAND) or not masked.isdisjoint(read)
