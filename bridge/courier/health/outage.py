"""The health alerts of an outage: one when a channel fails, one when it works again. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import structs

from bridge.alert import INTERNAL_SOURCE, Alert, Priority, make_alert
from bridge.alert.alert import clock_text
from bridge.common.clocks.durations import duration_text
from bridge.courier.health.circuit import is_failing
from bridge.delivery import Health
from bridge.delivery.options import ChannelOptions

_SECOND = 1_000_000_000
_LONGEST_CATCHING_UP = 300 * _SECOND
"""So long after the recovery the outage is over, even if deliveries still wait."""


class HealthChange(StrEnum):
    """What a health alert reports."""

    FAILING = "failing"
    RECOVERED = "recovered"


def health_change(health: Health, options: ChannelOptions, now_ns: int, *, waits: bool) -> HealthChange | None:
    """What to report now, if anything. ``waits`` is whether deliveries still wait for the channel."""
    if not health.notified_ns:
        long = now_ns - health.failing_ns >= options.notify_after * _SECOND
        return HealthChange.FAILING if is_failing(health) and long else None
    if not health.recovered_ns:
        return None
    caught_up = not waits or now_ns - health.recovered_ns >= _LONGEST_CATCHING_UP
    return HealthChange.RECOVERED if caught_up else None


def after_report(health: Health, change: HealthChange, now_ns: int) -> Health:
    """The health once the change has been reported."""
    if change is HealthChange.FAILING:
        return structs.replace(health, notified_ns=now_ns, before=(health.delivered, health.digested, health.dead))
    return structs.replace(health, notified_ns=0, failing_ns=0, recovered_ns=0)


def health_alert(
    name: str, health: Health, change: HealthChange, waiting: int, options: ChannelOptions, host: str
) -> Alert:
    """The alert that reports a change. Made again after a crash it has the same id, and so is stored once."""
    failing = change is HealthChange.FAILING
    alert = make_alert(
        time_ns=health.failing_ns if failing else health.recovered_ns,
        priority=Priority.CRITICAL if failing else Priority.NOTICE,
        rule=f"Channel {name} fails" if failing else f"Channel {name} works again",
        source=INTERNAL_SOURCE,
        hostname=host,
        tags=("falco-bridge",),
        output="",
        fields={"bridge.channel": name},
    )
    # The id does not cover what may be different when the alert is made again.
    if not failing:
        return structs.replace(alert, output=_recovered(name, health))
    fields = {**alert.fields, "bridge.reason": health.reason}
    return structs.replace(alert, fields=fields, output=_failing(name, health, waiting, options))


def _failing(name: str, health: Health, waiting: int, options: ChannelOptions) -> str:
    times = f"{health.failures} times in a row"
    beginning = f"Channel {name} has failed {times} since {_time(health.failing_ns)}. Last answer: {health.reason}. "
    give_up = f"or become dead letters when they are {duration_text(options.give_up_after)} old."
    if health.channel_fault:
        return beginning + (
            "Its URL, secret or permissions are probably no longer valid. Fix them. A changed config or secret file "
            "is read at once; a changed environment variable needs a restart. "
            f"Deliveries waiting: {waiting}. They are sent then, {give_up}"
        )
    if health.rejected:
        return beginning + (
            f"Rejected deliveries become dead letters; there are {health.dead}. Once the cause is fixed, send them "
            f"again: falco-bridge dead retry --channel {name}"
        )
    return beginning + f"Deliveries waiting: {waiting}. They are sent when it works again, {give_up}"


def _recovered(name: str, health: Health) -> str:
    delivered, digested, dead = (
        now - then for now, then in zip((health.delivered, health.digested, health.dead), health.before, strict=True)
    )
    outage = duration_text((health.recovered_ns - health.failing_ns) / _SECOND)
    return (
        f"Channel {name} works again since {_time(health.recovered_ns)}. It had failed since "
        f"{_time(health.failing_ns)}, for {outage}. Delivered since the health alert: {delivered}, {digested} of them "
        f"in digests. Dead letters: {dead}."
    )


def _time(at_ns: int) -> str:
    return clock_text("evt.time.iso8601", at_ns)[:19].replace("T", " ") + " UTC"
