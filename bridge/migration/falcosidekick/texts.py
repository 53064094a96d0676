"""Go templates of falcosidekick's message formats as texts of routes."""

from __future__ import annotations

import re
from collections.abc import Collection

from bridge.language.program.template import Slot, parse_template

_VALUE = re.compile(
    r"""\{\{-?\s*(?:index\s+\.OutputFields\s+["`](?P<field>[^"`\s]+)["`]"""
    r"""|\.(?P<attribute>Rule|Priority|Output|Hostname|Source|Time|Tags))\s*-?\}\}"""
)

_ATTRIBUTES = frozenset({"rule", "priority", "output", "hostname", "source", "time", "tags"})


def route_text(template: str, labels: Collection[str] = ()) -> str | None:
    """The text of a ``message`` clause, without quotes; None if it cannot say what the template says.

    That is so if the template does more than insert values, inserts one that is neither a field of Falco's nor one of
    the ``labels``, or continues after a value as a longer name would.
    """
    slots: list[str] = []

    def slot(found: re.Match[str]) -> str:
        field, attribute = found["field"], found["attribute"]
        slots.append(attribute.lower() if attribute else f"label.{field}" if field in labels else field)
        return f"%{slots[-1]}"

    text = _VALUE.sub(slot, template.replace("%", "%%"))
    read = [part.name for part in parse_template(text).parts if isinstance(part, Slot)]
    unknown = [name for name in slots if "." not in name and name not in _ATTRIBUTES]
    if "{{" in text or "}}" in text or read != slots or unknown:
        return None
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
