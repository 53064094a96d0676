"""Removes what ``redact`` statements match from alerts before they are stored or sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from msgspec.structs import replace

from bridge.alert import Alert
from bridge.alert.command import COMMAND_SOURCE
from bridge.language.program.program import Redaction
from bridge.language.program.regex import compile_regex
from bridge.terminal.derived import SEPARATOR

_OUTPUT = "output"
_COMMAND_LINES = frozenset({"output", "proc.cmdline", "proc.args", "proc.exeline", "proc.pcmdline", "evt.args"})
_COMMAND_LINE_PREFIXES = ("cmd.", "proc.acmdline", "proc.aargs", "evt.arg")
COMMAND_TEXTS = frozenset({"cmd.text", "cmd.ran", "cmd.wrote", "cmd.prompt"})
"""What was typed says the same as the command lines of the programs, so that their redactions apply to it."""
SHORTEST_SECRET = 4
"""Characters. A shorter match is masked in its field only, not where the output line repeats it."""


class Pattern(Protocol):
    """What a redaction needs of a compiled regular expression."""

    def sub(self, repl: Callable[[Any], bytes], text: bytes, /) -> bytes:
        """The text with each match replaced."""


@dataclass(slots=True)
class _Found:
    """What the redactions of one alert's fields found."""

    secrets: dict[str, str] = field(default_factory=dict)
    """Each match with its mask."""
    failed: str | None = None
    """The mask of a redaction that failed. Its secrets are not known."""

    def joined(self, other: _Found) -> _Found:
        """What both found."""
        return _Found(self.secrets | other.secrets, self.failed if other.failed is None else other.failed)


@dataclass(frozen=True, slots=True)
class _CompiledRedaction:
    redaction: Redaction
    pattern: Pattern

    @property
    def covers_commands(self) -> bool:
        """Whether it also applies to all texts of terminal commands: it names a field with command lines."""
        return any(name in _COMMAND_LINES or name.startswith(_COMMAND_LINE_PREFIXES) for name in self.redaction.fields)

    def mask(self, text: str, found: _Found) -> str:
        """The text with every match masked, and the matches added to ``found``.

        If that fails, the whole text is masked, so that no secret passes.
        """
        mask = self.redaction.replacement
        try:
            data = text.encode("utf-8", "replace")

            def masked(match: Any) -> bytes:
                if not match.group(0):
                    return b""
                found.secrets[match.group(0).decode("utf-8", "replace")] = mask
                return mask.encode()

            return self.pattern.sub(masked, data).decode("utf-8", "replace")
        except Exception:  # noqa: BLE001  # on any error, a secret must not pass
            found.failed = mask
            return mask

    def mask_items(self, text: str, found: _Found) -> str:
        """As ``mask``, for each of several command lines: a pattern may describe a whole one."""
        items = text.split(SEPARATOR)
        return text if len(items) == 1 else SEPARATOR.join(self.mask(item, found) for item in items)

    def mask_bytes(self, raw: bytes) -> bytes:
        """As ``mask``, for bytes that are not an alert."""
        mask = self.redaction.replacement.encode()
        try:
            text = raw.decode("utf-8", "replace").encode()
            return self.pattern.sub(lambda match: mask if match.group(0) else b"", text)
        except Exception:  # noqa: BLE001  # on any error, a secret must not pass
            return mask


def _compile(pattern: str) -> Pattern:
    compiled = compile_regex(pattern)
    assert not isinstance(compiled, str), "the checker accepts no invalid pattern"
    return cast("Pattern", compiled)


class Redactor:
    """The compiled redactions of a program."""

    def __init__(self, redactions: Sequence[Redaction], compile_pattern: Callable[[str], Pattern] = _compile) -> None:
        self._compiled = [_CompiledRedaction(each, compile_pattern(each.pattern)) for each in redactions]

    def alert(self, alert: Alert) -> Alert:
        """The alert without secrets. Its id is unchanged, because it is computed from the original."""
        if not self._compiled:
            return alert
        fields, lists, output = dict(alert.fields), dict(alert.lists), alert.output
        texts = COMMAND_TEXTS & fields.keys() if alert.source == COMMAND_SOURCE else frozenset()
        elsewhere, typed = _Found(), _Found()
        for each in self._compiled:
            found = typed if texts and each.covers_commands else elsewhere
            for name in each.redaction.fields:
                if name == _OUTPUT:
                    output = each.mask(output, _Found())
                elif name in fields:
                    fields[name] = each.mask(fields[name], found)
                    if name in lists:
                        lists[name] = tuple(each.mask(item, found) for item in lists[name])
            if found is typed:
                for name in texts:
                    fields[name] = each.mask_items(each.mask(fields[name], found), found)
        fields |= {name: _mask_repeated(fields[name], typed) for name in texts}
        return replace(alert, fields=fields, lists=lists, output=_mask_repeated(output, elsewhere.joined(typed)))

    def raw(self, raw: bytes) -> bytes:
        """A rejected message without secrets. Every redaction applies to all of it."""
        for each in self._compiled:
            raw = each.mask_bytes(raw)
        return raw


def _mask_repeated(text: str, found: _Found) -> str:
    """A text that repeats others, as the output line the fields, without what was found in them."""
    if found.failed is not None:
        return found.failed
    # Longest first: a secret may contain a shorter one, and the rest of it must not remain.
    for secret in sorted(found.secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, found.secrets[secret])
    return text
