"""What a page is made of: the request's parameters, the journal, the running bridge, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bridge.console.backtest.runs import Backtests
from bridge.console.data.channel_tests import ChannelTests
from bridge.console.data.reader import Question, Reader
from bridge.console.visitors.access import Visitor
from bridge.history.recent_hits import HitCounter
from bridge.operator.client import AdminClient, AdminError

Answer = TypeVar("Answer", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a page, or for an act."""

    parameters: Mapping[str, str]
    """Of the path, the query and, for an act, the form."""
    reader: Reader
    client: AdminClient
    visitor: Visitor
    backtests: Backtests
    hits: HitCounter
    channel_tests: ChannelTests
    may_write: bool

    def text(self, name: str) -> str:
        """A parameter without blanks around it; empty if it is absent."""
        return self.parameters.get(name, "").strip()

    @property
    def question(self) -> Question:
        """The parameters of a search."""
        return Question(**{name: self.text(name) for name in Question.__dataclass_fields__})

    def get(self, target: str, answer: type[Answer]) -> Answer | str:
        """An answer of the operator API, or why there is none."""
        try:
            return self.client.get(target, answer)
        except AdminError as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its address, its template, and the values that it shows."""

    path: str
    template: str
    title: str
    values: Callable[[Ask], dict[str, object] | None]
    """None where there is no such thing. Blocks; called in a thread."""
    in_menu: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a form does, and the page that is shown afterwards."""

    path: str
    run: Callable[[Ask], str]
    """Returns the address of the next page. Raises AdminError. Blocks; called in a thread."""
