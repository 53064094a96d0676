"""A summary of what a journal contains: alerts received, decisions with their conditions, deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bridge.alert import INTERNAL_SOURCE
from bridge.cli.printing.table import many
from bridge.delivery import DeliveryState
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert
from bridge.routing import OTHERWISE, Reason


def summarise(history: History, conditions: Mapping[str, str]) -> str:
    """A page of text. ``conditions`` holds the source text of each route's condition, by the route's name."""
    alerts = list(history.alerts())
    sections = (_received(alerts), _decisions(alerts, conditions), _deliveries(history))
    return "\n".join(line for section in sections for line in section)


def _received(alerts: Sequence[RecordedAlert]) -> Iterator[str]:
    rules = len({each.alert.rule for each in alerts})
    nodes = len({each.alert.hostname for each in alerts})
    yield f"\nReceived: {many(len(alerts), 'alert')} of {many(rules, 'rule')} from {many(nodes, 'node')}"


def _decisions(alerts: Sequence[RecordedAlert], conditions: Mapping[str, str]) -> Iterator[str]:
    counts: Counter[tuple[str, Reason, tuple[str, ...]]] = Counter(
        (decision.route, decision.reason, decision.channels) for each in alerts for decision in each.decisions
    )
    yield "\nDecided:"
    for (route, reason, channels), count in sorted(counts.items(), key=lambda item: -item[1]):
        result = "dropped" if reason is Reason.DROPPED else f"to {', '.join(channels)}"
        why = "no route matched" if route == OTHERWISE else f"when {conditions.get(route, 'always')}"
        yield f"  {count:5}  {route}: {result}\n         because {why}"
    undecided = [each for each in alerts if not each.decisions]
    if undecided:
        internal = sum(each.alert.source == INTERNAL_SOURCE for each in undecided)
        yield f"  {len(undecided):5}  stored, not delivered ({many(internal, 'internal alert')} of Falco)"


def _deliveries(history: History) -> Iterator[str]:
    yield "\nDelivered:"
    for (channel, state), count in sorted(history.delivery_counts().items()):
        yield f"  {count:5}  {channel}: {state.value}"
    for dead in history.deliveries(DeliveryState.DEAD):
        yield f"  dead letter {dead.id} to {dead.channel}: {dead.reason}"
