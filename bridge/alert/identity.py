"""The id of an alert: a hash of its content, so that one sent twice is stored and routed once."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b


def alert_id(
    time_ns: int, hostname: str, source: str, rule: str, priority: int, fields: Mapping[str, str], output: str
) -> str:
    """32 hexadecimal digits over what every full form of one alert carries alike.

    Without fields (``json_include_output_fields_property: false``, or text output) the text line stands in for
    them, so that leaner forms have ids of their own. Each part is preceded by its length: no two lists of parts
    run together into the same bytes.
    """
    parts = [str(time_ns), hostname, source, rule, str(int(priority))]
    if fields:
        for name in sorted(fields):
            parts += (name, fields[name])
    else:
        parts.append(output)
    # A JSON escape can hold half a surrogate pair, which UTF-8 proper cannot.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
