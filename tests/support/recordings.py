"""What a real Falco 0.43.1 sent, as recorded: tests/data/records.

``_text`` is json_output false, ``_json`` true, ``_noprops`` true with every json_include switch off.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

RECORDS = Path(__file__).parent.parent / "data" / "records"
GRPC_SUFFIX = ".grpc.lenprefixed.bin"
HTTP_SUFFIX = ".http.jsonl"

NAMES = tuple(sorted(path.name.removesuffix(GRPC_SUFFIX) for path in RECORDS.glob(f"*{GRPC_SUFFIX}")))
FULL_JSON = tuple(name for name in NAMES if name.endswith("_json"))


def grpc_messages(name: str) -> list[bytes]:
    """The messages of one recording by gRPC, as they went over the wire."""
    data = (RECORDS / f"{name}{GRPC_SUFFIX}").read_bytes()
    messages, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        messages.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return messages


def http_bodies(name: str) -> list[bytes]:
    """The bodies that http_output posted at the same run."""
    lines = (RECORDS / f"{name}{HTTP_SUFFIX}").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["body"].encode() for line in lines]
