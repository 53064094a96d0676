"""Alert ids: the time and a hash of the content, so that an alert sent twice is stored and routed once."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

_OFFSET = 2**63
"""Added to times, which are negative before 1970, so that ids sort by time."""
_canonical = msgspec.msgpack.Encoder(order="deterministic", enc_hook=dict).encode


def alert_id(
    time_ns: int, hostname: str, source: str, rule: str, priority: int, fields: Mapping[str, str], output: str
) -> str:
    """32 hexadecimal digits: the time, then a 64-bit hash of what is the same in every full format of an alert.

    Ids sort by time, so that the journal's index grows at its end. Without fields
    (``json_include_output_fields_property: false``, or text output) the text line is hashed instead, so reduced formats
    have other ids. The hash is over MessagePack with sorted keys: parts have lengths, so different alerts never encode
    to the same bytes.
    """
    content = (hostname, source, rule, priority, fields or output)
    try:
        text = _canonical(content)
    except UnicodeEncodeError:  # a lone surrogate: no decoder produces one, but a caller may
        text = repr((*content[:4], sorted(fields.items()) or output)).encode()
    return f"{time_ns + _OFFSET:016x}{blake2b(text, digest_size=8).hexdigest()}"
