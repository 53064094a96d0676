"""A reload, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.operator.model.base import Answer


class ReloadResult(Answer, frozen=True):
    """What a reload did."""

    applied: Annotated[bool, Meta(description="Whether the files on disk are in use now.")]
    report: Annotated[str, Meta(description="Errors and warnings, with excerpts.")]
    changes: Annotated[
        list[str], Meta(description="The sources, channels and listeners that were added, changed or removed.")
    ]
    restart: Annotated[list[str], Meta(description="Changed keys that take effect at the next start only.")]
    forgotten: Annotated[list[str], Meta(description="Clauses that no route has any more; their state was removed.")]
    kept: Annotated[
        list[str], Meta(description="Groups of route files with errors, whose previous routes stay in use.")
    ] = msgspec.field(default_factory=list)  # fmt: skip
    waits: Annotated[
        bool,
        Meta(description="Whether they are loaded, and used once the other bridges of the fleet have loaded them."),
    ] = False
