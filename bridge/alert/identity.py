"""Alert ids: the time and a hash of the content, so that an alert sent twice is stored and routed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

_OFFSET = 2**63
"""Added to times, which are negative before 1970, so that ids sort by time."""
TIME_DIGITS = 16
"""How many of the first digits of an alert id are its time."""
_canonical = msgspec.msgpack.Encoder(order="deterministic", enc_hook=dict).encode


_UNSTABLE = frozenset({
    "evt.deltatime", "evt.deltatime.s", "evt.deltatime.ns", "evt.reltime", "evt.reltime.s", "evt.reltime.ns",
    "proc.fdusage", "thread.cpu", "thread.cpu.user", "thread.cpu.system",
})  # fmt: skip
"""Fields that gRPC and JSON print with different precision."""
_MISSING = "<NA>"
"""A process with this name has no name by gRPC."""
_COARSE_NS = 1000
"""Times that are multiples of it come from a source without a nanosecond clock, such as most plugins."""


def alert_id(
    time_ns: int,
    hostname: str,
    source: str,
    rule: str,
    priority: int,
    fields: Mapping[str, str],
    output: str,
    tags: Sequence[str] = (),
) -> str:
    """32 hexadecimal digits: the time, then a 64-bit hash of what is the same in every full format of an alert.

    Ids sort by time, so that the journal's index grows at its end. Without fields
    (``json_include_output_fields_property: false``, or text output) the text line is hashed instead, so reduced formats
    have other ids. Tags and text count as well if the time is coarse, because different alerts may then agree in
    everything else. The hash is over MessagePack with sorted keys: parts have lengths, so different alerts never encode
    to the same bytes.
    """
    hashed = fields
    if not fields.keys().isdisjoint(_UNSTABLE) or _MISSING in fields.values():
        hashed = {name: text for name, text in fields.items() if name not in _UNSTABLE and text != _MISSING}
    content: tuple[object, ...] = (hostname, source, rule, priority, hashed or output)
    if time_ns % _COARSE_NS == 0:
        content = (*content, tags, output)
    try:
        text = _canonical(content)
    except UnicodeEncodeError:  # a lone surrogate: no decoder produces one, but a caller may
        text = repr((*content[:4], sorted(hashed.items()) or output, *content[5:])).encode()
    return f"{time_ns + _OFFSET:016x}{blake2b(text, digest_size=8).hexdigest()}"
