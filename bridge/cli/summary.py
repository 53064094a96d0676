"""What a run came to, for people: what came in, what was decided and why, what was delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bridge.alert import INTERNAL_SOURCE
from bridge.cli.table import many
from bridge.delivery import DeliveryState
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert
from bridge.routing import OTHERWISE, Reason


def summarise(history: History, conditions: Mapping[str, str]) -> str:
    """A page of text. ``conditions`` holds the source text of each route's condition, by the route's name."""
    kept = list(history.alerts())
    sections = (_what_came_in(kept), _what_was_decided(kept, conditions), _what_was_delivered(history))
    return "\n".join(line for section in sections for line in section)


def _what_came_in(kept: list[RecordedAlert]) -> Iterator[str]:
    rules = Counter(each.alert.rule for each in kept)
    hosts = {each.alert.hostname for each in kept}
    yield f"\nCame in: {many(len(kept), 'alert')} of {many(len(rules), 'rule')} from {many(len(hosts), 'node')}"


def _what_was_decided(kept: list[RecordedAlert], conditions: Mapping[str, str]) -> Iterator[str]:
    decided: Counter[tuple[str, Reason, tuple[str, ...]]] = Counter(
        (decision.route, decision.reason, decision.channels) for each in kept for decision in each.decisions
    )
    yield "\nDecided:"
    for (route, reason, channels), count in sorted(decided.items(), key=lambda item: -item[1]):
        fate = "dropped" if reason is Reason.DROPPED else f"to {', '.join(channels)}"
        why = "no route matched" if route == OTHERWISE else f"when {conditions.get(route, 'always')}"
        yield f"  {count:5}  {route}: {fate}\n         because {why}"
    ignored = [each for each in kept if not each.decisions]
    if ignored:
        own = sum(each.alert.source == INTERNAL_SOURCE for each in ignored)
        yield f"  {len(ignored):5}  kept, told to nobody ({own} of them Falco's own about itself)"


def _what_was_delivered(history: History) -> Iterator[str]:
    yield "\nDelivered:"
    for (channel, state), count in sorted(history.delivery_counts().items()):
        yield f"  {count:5}  {channel}: {state.value}"
    for dead in history.deliveries(DeliveryState.DEAD):
        yield f"  dead letter {dead.id} to {dead.channel}: {dead.reason}"
