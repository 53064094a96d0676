"""What ``redact`` statements blot out of everything that is kept or sent. Conditions have seen the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from bridge.alert import Alert
from bridge.language.program.program import Redaction
from bridge.language.program.regex import compile_regex

_OUTPUT = "output"
_SHORTEST = 4
"""Matches shorter than this are blotted out where they stand, not wherever else the text line repeats them."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    redaction: Redaction
    pattern: Any

    def applied(self, text: str, found: dict[str, str]) -> str:
        """The text with every match masked, and each noted with its mask; if that fails, the whole text is masked."""
        mask = self.redaction.replacement
        try:
            data = text.encode("utf-8", "replace")

            def masked(match: Any) -> bytes:
                found[match.group(0).decode("utf-8", "replace")] = mask
                return mask.encode()

            return str(self.pattern.sub(masked, data).decode("utf-8", "replace"))
        except Exception:  # noqa: BLE001  # whatever it is, a secret must not pass
            return mask


class Redactor:
    """A program's redactions, compiled."""

    def __init__(self, redactions: Sequence[Redaction]) -> None:
        self._compiled = [_Compiled(each, compile_regex(each.pattern)) for each in redactions]

    def alert(self, alert: Alert) -> Alert:
        """The alert without what must not be kept; its id stays, for it is told from the original."""
        if not self._compiled:
            return alert
        fields, lists, output = dict(alert.fields), dict(alert.lists), alert.output
        found: dict[str, str] = {}
        for each in self._compiled:
            for name in each.redaction.fields:
                if name == _OUTPUT:
                    output = each.applied(output, {})
                elif name in fields:
                    fields[name] = each.applied(fields[name], found)
                    if name in lists:
                        lists[name] = tuple(each.applied(item, found) for item in lists[name])
        for secret in sorted(found, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                output = output.replace(secret, found[secret])
        return replace(alert, fields=fields, lists=lists, output=output)

    def raw(self, raw: bytes) -> bytes:
        """Bytes that were no alert, for the quarantine: every pattern is applied to all of them."""
        for each in self._compiled:
            mask = each.redaction.replacement.encode()
            try:
                text = raw.decode("utf-8", "replace").encode()
                raw = each.pattern.sub(lambda _match, mask=mask: mask, text)
            except Exception:  # noqa: BLE001  # whatever it is, a secret must not pass
                return mask
        return raw
