"""Adds the fields of a config's ``fields`` to the catalogue, before its routes are checked."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.alert.catalogue import set_added_fields
from bridge.config.schema.values import FieldListFile


def use_field_lists(files: Iterable[FieldListFile]) -> None:
    """Make these the fields that routes can use besides those of the catalogue."""
    set_added_fields(field for file in files for field in file.fields)
