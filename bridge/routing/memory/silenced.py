"""Which passages of a route silences hold back."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from bridge.routing.memory.clauses.passage import NO_VALUES, Passage
from bridge.routing.memory.clauses.stage import SilencedBy
from bridge.routing.notification import NotificationKind


def unsilenced(passages: tuple[Passage, ...], silenced: SilencedBy) -> tuple[tuple[Passage, ...], str | None]:
    """The passages that are not silenced, and a silence that holds another one back."""
    by = [silenced(each.alert_id) for each in passages]
    left = tuple(each for each, silence in zip(passages, by, strict=True) if silence is None)
    return left, next((silence for silence in by if silence is not None), None)


def unsilenced_held(passages: tuple[Passage, ...], silenced: SilencedBy) -> Iterator[Passage]:
    """The passages that a clause held and that are not silenced, and the ends of incidents.

    Silenced alerts are left out of a digest. Those that it does not name cannot be asked, and are still reported.
    """
    for passage in passages:
        if passage.kind is NotificationKind.RESOLVED:
            yield passage
            continue
        if passage.kind is not NotificationKind.DIGEST:
            if silenced(passage.alert_id) is None:
                yield passage
            continue
        left = tuple(each for each in passage.alerts if silenced(each) is None)
        if left or passage.unnamed:
            count = passage.count - (len(passage.alerts) - len(left)) if left else passage.unnamed
            about, values = passage.alert_id, passage.values
            if about not in left:  # the values belong to the one that is left out
                about, values = left[0] if left else about, NO_VALUES
            yield structs.replace(passage, alerts=left, count=count, alert_id=about, values=values)
