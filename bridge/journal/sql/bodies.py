"""Compresses alerts with the dictionaries of their journal.

A body is a zstd frame that names its dictionary. The first alerts have none; later ones use the dictionary that was
trained last. Dictionaries are never removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog
import zstandard

from bridge.alert import INTERNAL_SOURCE, Alert, Priority
from bridge.journal.codec import decode_alert, encode_alert
from bridge.journal.errors import UnreadableError
from bridge.journal.sql.database import Database

LEVEL = 3


class _DictionaryRow(NamedTuple):
    number: int
    content: bytes


class Bodies:
    """The compressor and decompressors of one journal. Used by one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = structlog.get_logger("journal")
        self._compressor = zstandard.ZstdCompressor(LEVEL)
        self._decompressors = {0: zstandard.ZstdDecompressor()}
        self.refresh()

    def refresh(self) -> None:
        """Read the dictionaries again. The latest one compresses from now on."""
        for number, content in self._database.rows(
            _DictionaryRow, "SELECT number, content FROM dictionaries WHERE length(content) > 0 ORDER BY number"
        ):
            try:
                dictionary = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
                dictionary.precompute_compress(LEVEL)
            except zstandard.ZstdError as error:
                self._log.error("dictionary unreadable", number=number, problem=str(error))  # it says all
                continue
            self._compressor = zstandard.ZstdCompressor(LEVEL, dict_data=dictionary)
            self._decompressors[number] = zstandard.ZstdDecompressor(dict_data=dictionary)

    def encode(self, alert: Alert) -> bytes:
        """The alert without its id."""
        return self._compressor.compress(encode_alert(alert))

    def decode(self, alert_id: bytes, body: bytes, decode: Callable[[str, bytes], Alert] = decode_alert) -> Alert:
        """The alert that ``encode`` compressed. Raises UnreadableError where the body is damaged."""
        try:
            frame = zstandard.get_frame_parameters(body)
            if frame.dict_id not in self._decompressors:  # another process has added it
                self.refresh()
            return decode(alert_id.hex(), self._decompressors[frame.dict_id].decompress(body))
        except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, KeyError, MemoryError) as error:
            raise self._damaged(alert_id, error) from error

    def _damaged(self, alert_id: bytes, error: Exception) -> UnreadableError:
        return UnreadableError(f"alert {alert_id.hex()} cannot be read in the journal {self._database.name} ({error})")

    def decode_or_stand_in(self, alert_id: bytes, body: bytes) -> Alert:
        """As ``decode``; an internal alert with the same id that says why where the body is damaged."""
        try:
            return self.decode(alert_id, body)
        except UnreadableError as error:
            return Alert(
                alert_id.hex(), 0, Priority.ERROR, "Unreadable alert", INTERNAL_SOURCE, "", (), str(error), {}, {}
            )
