"""Prints stored alerts as a table, JSON lines or CSV, as the arguments ask."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.cli.printing.alert_rows import (
    CSV_FIELDS,
    alert_csv,
    alert_json,
    alert_line,
    alert_table,
    csv_header,
    field_text,
)

if TYPE_CHECKING:
    from bridge.journal.records import RecordedAlert


class AlertOutput:
    """Standard output for alerts."""

    def __init__(self, args: argparse.Namespace, labels: Mapping[str, str]) -> None:
        """``args`` hold the options of ``journal_input.add_output``."""
        self._json: bool = args.json
        self._csv: bool = args.csv
        self._fields: Sequence[str] = args.fields
        self._labels = labels
        self._headed = False

    def print(self, found: Sequence[RecordedAlert]) -> None:
        """Print all of them."""
        if self._json or self._csv:
            self.lines(found)
        elif found:
            print(alert_table(found, self._fields, self._labels))

    def lines(self, alerts: Iterable[RecordedAlert]) -> None:
        """Print each when it comes."""
        if self._csv and not self._headed:
            print(csv_header(self._fields or CSV_FIELDS))
            self._headed = True
        for each in alerts:
            print(self._line(each))
            sys.stdout.flush()

    def _line(self, each: RecordedAlert) -> str:
        if self._json:
            return alert_json(each)
        if self._csv:
            return alert_csv(each, self._fields or CSV_FIELDS, self._labels)
        if self._fields:
            return "  ".join(field_text(each.alert, name, self._labels) for name in self._fields)
        return alert_line(each)
