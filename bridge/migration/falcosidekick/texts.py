"""Go templates of falcosidekick's message formats as texts of routes."""

from __future__ import annotations

import re

_FIELD = re.compile(r"""\{\{-?\s*(?:index|get)\s+\.OutputFields\s+["`]([^"`\s]+)["`]\s*-?\}\}""")
_ATTRIBUTE = re.compile(r"\{\{-?\s*\.(Rule|Priority|Output|Hostname|Source|Time|Tags)\s*-?\}\}")
_NAMES = {"Tags": "tags"}


def route_text(template: str) -> str | None:
    """The text of a ``message`` clause, without quotes; None if the template does more than insert values."""
    text = template.replace("%", "%%")
    text = _FIELD.sub(lambda found: f"%{found[1]}", text)
    text = _ATTRIBUTE.sub(lambda found: f"%{found[1].lower()}", text)
    if "{{" in text or "}}" in text:
        return None
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
