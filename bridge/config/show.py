"""A config as text: every default filled in, secrets hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from msgspec import UNSET

from bridge.channels.message.body_names import CONCAT
from bridge.common.masking import is_public_url
from bridge.common.secret import Secret
from bridge.config.schema.config import Config
from bridge.config.schema.keys import Key, Section, keys_of
from bridge.config.schema.values import ChannelUrl, DatabaseUrl
from bridge.delivery.options import Rate
from bridge.journal.location import passwords_in, shown_url

_MASK = "***"


def shown(config: Config) -> str:
    """YAML. Everything but the secrets can be read back."""
    return yaml.safe_dump(_section(config), sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)


def _section(section: Section) -> dict[str, Any]:
    values = {key.name: _shown(getattr(section, key.name), key) for key in keys_of(type(section))}
    return {name: value for name, value in values.items() if value is not None}


def _shown(value: Any, key: Key | None = None) -> Any:
    """None where there is nothing to show."""
    if value is UNSET:
        return None
    if value is None:
        return key.none_word or None if key is not None else None
    if isinstance(value, Secret):
        return _hidden(value)
    if isinstance(value, Section):
        return _section(value)
    if isinstance(value, Mapping) and CONCAT in value:
        return "".join(_MASK if isinstance(part, Secret) else part for part in value[CONCAT])
    if isinstance(value, Mapping):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    if isinstance(value, Rate):
        return f"{value.count:g} per {value.seconds:g}s"
    if isinstance(value, bool | int | float):
        return value
    return True if value == "true" else str(value)


def _hidden(secret: Secret) -> str:
    """A URL that names only a place on this machine is shown; of others the scheme."""
    text = secret.reveal()
    if isinstance(secret, DatabaseUrl):
        return text if not passwords_in(text) else shown_url(text).replace("://", f"://{_MASK}@", 1)
    if not isinstance(secret, ChannelUrl):
        return _MASK
    if is_public_url(text):
        return text
    return f"{text.partition('://')[0]}://{_MASK}"
