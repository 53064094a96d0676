"""What all requests and answers of the operator API share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LARGEST_PAGE = 500
Limit = Annotated[int, Meta(ge=1, le=LARGEST_PAGE, description="Maximum number of items in the page.")]
RowNumber = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""The number of something in the journal: what a database can count to."""
ChannelName = Annotated[str, Meta(max_length=200, description="Name of a channel in the config.")]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of an operation."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of an operation."""


class NoParameters(Request, frozen=True):
    """An operation without parameters."""


class Problem(Answer, frozen=True):
    """An error, as in RFC 9457."""

    title: Annotated[str, Meta(description="The HTTP status in words.")]
    status: int
    detail: Annotated[str, Meta(description="What happened and what to do next.")]
    type: str = "about:blank"
