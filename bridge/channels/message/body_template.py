"""Fills a body template: JSON of a config whose texts refer to values of an alert. Pure.

The values of an alert are put into the finished structure, never into text that is parsed afterwards. So no value can
add a member, close a text or change the type of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from bridge.alert import MISSING
from bridge.alert.forms.falco_json import falco_json
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.message.body_names import BODY_NAMES, CONCAT, EACH, ELSE, MATCH, OPTIONAL
from bridge.channels.message.compose import full_headline_of, links_of, lookup_of, text_of
from bridge.common.text import shortened
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import LITERAL
from bridge.language.program.template import Slot, Template, fill, parse_template
from bridge.routing import NotificationKind

_MAX_TEXT = 8000
"""Characters of a value."""
_MAX_JOINED = 32_000
"""Characters of a text with several values."""
_SECOND, _MILLISECOND = 1_000_000_000, 1_000_000
_encode = msgspec.json.Encoder().encode

Values = Callable[[str], Any]


def takes_batches(template: Any) -> bool:
    """Whether one body holds several alerts."""
    if isinstance(template, Mapping):
        return EACH in template or any(map(takes_batches, template.values()))
    return isinstance(template, list) and any(map(takes_batches, template))


def filled(template: Any, deliveries: Sequence[Delivery], labels: Mapping[str, str]) -> Any:
    """The body for one delivery, or for several where the template has ``%each``."""

    def with_values(part: Any, values: Values) -> Any:
        match part:
            case str():
                return _text(parse_template(part), values)
            case {"%literal": str(text)}:
                return text
            case {"%concat": list(parts)}:
                return "".join(_shown(with_values(each, values), MISSING) for each in parts)
            case {"%each": inner}:
                return [with_values(inner, _values(each, labels)) for each in deliveries]
            case {"%match": str(field)}:
                return with_values(_chosen(part, _shown(_text(parse_template(field), values))), values)
            case dict():
                return dict(_members({name: with_values(inner, values) for name, inner in part.items()}))
            case list():
                return [with_values(inner, values) for inner in part]
        return part

    return with_values(template, _values(deliveries[0], labels))


def _members(filled_in: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members, without optional ones that are null."""
    for name, value in filled_in.items():
        if not name.endswith(OPTIONAL):
            yield name, value
        elif value is not None:
            yield name.removesuffix(OPTIONAL), value


def _chosen(part: Mapping[str, Any], value: str) -> Any:
    """The value of the member whose name is the text, in any case; else that of ``%else``, or null."""
    by_name = {name.casefold(): inner for name, inner in part.items() if name not in {MATCH, ELSE}}
    return by_name.get(value.casefold(), part.get(ELSE))


def _text(template: Template, values: Values) -> Any:
    """A value with its own type where it stands alone; a text where it stands among others."""
    parts = template.parts
    if len(parts) == 1 and isinstance(parts[0], Slot) and not parts[0].width and not parts[0].transform:
        return _bounded(values(parts[0].name))
    if not template.slots:
        return "".join(map(str, parts))

    def lookup(name: str) -> str | None:
        value = values(name)
        return None if value is None else _shown(value)

    return shortened(fill(template, lookup, lambda text: shortened(text, _MAX_TEXT)), _MAX_JOINED)


def _bounded(value: Any) -> Any:
    return shortened(value, _MAX_TEXT) if isinstance(value, str) else value


def _shown(value: Any, missing: str = "") -> str:
    """A value as a part of a text."""
    match value:
        case str():
            return value
        case None:
            return missing
        case tuple() | list() if all(isinstance(each, str) for each in value):
            return ", ".join(value)
    return _encode(value).decode()


def _values(delivery: Delivery, labels: Mapping[str, str]) -> Values:
    """The values of a delivery by name; None for a missing one."""
    alert, notification = delivery.alert, delivery.notification
    context = notification.context
    lookup = lookup_of(delivery, labels)

    @cache
    def fields() -> Mapping[str, Any]:
        """With the types of Falco's JSON."""
        found = falco_json(alert)["output_fields"]
        assert isinstance(found, Mapping)
        return found

    special: dict[str, Callable[[], Any]] = {
        "tags": lambda: alert.tags,
        "time.unix": lambda: alert.time_ns // _SECOND,
        "time.unix_ms": lambda: alert.time_ns // _MILLISECOND,
        "time.unix_ns": lambda: alert.time_ns,
        "id": lambda: alert.id,
        "delivery": lambda: delivery.id,
        "routes": lambda: notification.routes,
        "title": lambda: full_headline_of(delivery, labels),
        "message": lambda: text_of(delivery, labels),
        "links": lambda: [{"name": link.name, "url": link.url} for link in links_of(delivery, labels)],
        "labels": lambda: labels,
        "output_fields": fields,
        "alert": lambda: alert_body(delivery, labels),
        "falcosidekick": lambda: falcosidekick_body(delivery, labels),
        "kind": lambda: (NotificationKind.SINGLE if context is None else context.kind).value,
        "count": lambda: 1 if context is None else context.count,
        "suppressed": lambda: 0 if context is None else context.suppressed,
        "incident": lambda: None if context is None else context.incident or None,
        "key": lambda: None if context is None else context.key or None,
    }

    def value(name: str) -> Any:
        if name in special:
            return special[name]()
        if name in alert.fields and name not in BODY_NAMES:
            return fields()[name]
        return lookup(name)

    return value


assert LITERAL == "%literal", "the names in the patterns above"
assert CONCAT == "%concat"
