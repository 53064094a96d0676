"""The id of an alert: when it was, and a hash of what it said, so that one sent twice is stored and routed once."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

_AHEAD = 2**63
"""Times before 1970 are negative: past this offset all sort as they follow each other."""
_canonical = msgspec.msgpack.Encoder(order="deterministic", enc_hook=dict).encode


def alert_id(
    time_ns: int, hostname: str, source: str, rule: str, priority: int, fields: Mapping[str, str], output: str
) -> str:
    """32 hexadecimal digits: the time, then 64 bits over what every full form of one alert carries alike.

    Ids sort as time does, so that the journal's index of them grows at its end, however many there are. Without
    fields (``json_include_output_fields_property: false``, or text output) the text line stands in for them, so that
    leaner forms have ids of their own. What is hashed is MessagePack with sorted keys: every part bears its length,
    and no two alerts run together into the same bytes.
    """
    said = (hostname, source, rule, priority, fields or output)
    try:
        text = _canonical(said)
    except UnicodeEncodeError:  # half a surrogate pair: no road brings one, but a caller may
        text = repr((*said[:4], sorted(fields.items()) or output)).encode()
    return f"{time_ns + _AHEAD:016x}{blake2b(text, digest_size=8).hexdigest()}"
