"""Short YAML that stands for values without end."""

from __future__ import annotations

import pytest
import yaml

from bridge.common.files.yaml_aliases import repeats_too_much
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import read_rules
from bridge.migration.falcosidekick.settings import UnreadableConfigError, read_settings

NESTED = "".join(
    f"  - &{each} [{', '.join([f'*{before}'] * 9)}]\n" for before, each in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMB = f"- list: l\n  items:\n  - &a [x, x, x, x, x, x, x, x, x]\n{NESTED}"


def test_what_an_alias_stands_for_is_counted_each_time() -> None:
    """A value that is used twice is fine."""
    assert not repeats_too_much(yaml.safe_load("{a: &a [1, 2], b: *a, c: [*a, *a]}"))
    assert repeats_too_much(yaml.safe_load("a: &a {b: *a}"))
    assert repeats_too_much(yaml.compose(BOMB, Loader=yaml.SafeLoader))


def test_rules_and_configs_to_translate_are_refused() -> None:
    """Reading them took for ever, or ended with a traceback."""
    assert "stand for too many values" in str(read_rules((SourceText("r.yaml", BOMB),)))
    for text in ("slack: &s {webhookurl: x, more: *s}\n", f"slack:\n{BOMB}"):
        with pytest.raises(UnreadableConfigError, match="stand for too many values"):
            read_settings(text, frozenset())
