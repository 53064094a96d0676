"""Arrays as parameters, in PostgreSQL's binary form. psycopg makes the same from lists, but slower."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_NULL = pack("!i", -1)


class _Bools(bytes):
    element, oid = 16, 1000


class _Byteas(bytes):
    element, oid = 17, 1001


class _Int2s(bytes):
    element, oid = 21, 1005


class _Int4s(bytes):
    element, oid = 23, 1007


class _Int8s(bytes):
    element, oid = 20, 1016


class _Texts(bytes):
    element, oid = 25, 1009


class _BinaryDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer:
        return bytes(obj)


for _type in (_Bools, _Byteas, _Int2s, _Int4s, _Int8s, _Texts):
    _dumper = type(f"{_type.__name__}Dumper", (_BinaryDumper,), {"oid": _type.oid})
    psycopg.adapters.register_dumper(_type, _dumper)


def bools(values: Sequence[bool]) -> bytes:
    """An array of ``bool``."""
    return _Bools(_header(_Bools.element, len(values)) + b"".join([pack("!i?", 1, each) for each in values]))


def byteas(values: Sequence[bytes]) -> bytes:
    """An array of ``bytea``."""
    return _Byteas(_of_bytes(_Byteas.element, values))


def int2s(values: Sequence[int]) -> bytes:
    """An array of ``int2``."""
    return _Int2s(_header(_Int2s.element, len(values)) + b"".join([pack("!ih", 2, each) for each in values]))


def int4s(values: Sequence[int | None]) -> bytes:
    """An array of ``int4``, with NULL for None."""
    parts = [_NULL if each is None else pack("!ii", 4, each) for each in values]
    return _Int4s(_header(_Int4s.element, len(parts), nulls=None in values) + b"".join(parts))


def int8s(values: Sequence[int | None]) -> bytes:
    """An array of ``int8``, with NULL for None."""
    parts = [_NULL if each is None else pack("!iq", 8, each) for each in values]
    return _Int8s(_header(_Int8s.element, len(parts), nulls=None in values) + b"".join(parts))


def texts(values: Sequence[str]) -> bytes:
    """An array of ``text``."""
    return _Texts(_of_bytes(_Texts.element, [each.encode() for each in values]))


def _of_bytes(element: int, values: Sequence[bytes]) -> bytes:
    parts = [_header(element, len(values))]
    for each in values:
        parts += (len(each).to_bytes(4, "big"), each)
    return b"".join(parts)


def _header(element: int, count: int, *, nulls: bool = False) -> bytes:
    return pack("!5i", 1, nulls, element, count, 1) if count else pack("!3i", 0, 0, element)
