"""``cloudwatch-logs://``: each alert as an event of a log stream in Amazon CloudWatch Logs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.aws.client import Client
from bridge.channels.native.aws.errors import NOT_AWS, outcome_of
from bridge.channels.native.aws.resource import Resource, region_of
from bridge.channels.native.cloud.bodies import body_of, bounded_lines
from bridge.delivery.delivery import Delivery
from bridge.delivery.outcome import summarized

PARAMETERS = ("stream",)
_GROUP = re.compile(r"[A-Za-z0-9_/.#-]{1,512}")
_STREAM = re.compile(r"[^:*]{1,512}")
_OVERHEAD = 26
"""Bytes that an event counts in addition to its text."""
_EVENT, _REQUEST = 256 * 1024 - _OVERHEAD, 1_048_576
_DAY_MS = 24 * 3_600_000 - 60_000
"""The events of a request span at most 24 hours."""


class CloudWatchLogsChannel:
    """The channel of one log stream, which is created if it does not exist."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(self, name: str, resource: Resource, labels: Mapping[str, str]) -> None:
        """Raises ChannelError if the group or a parameter is invalid, or botocore is not installed."""
        self.name = name
        if not _GROUP.fullmatch(resource.name):
            raise ChannelError("has no valid name of a log group; write cloudwatch-logs:///GROUP?region=REGION")
        stream = resource.address.one("stream", "falco-bridge")
        if not _STREAM.fullmatch(stream):
            raise ChannelError("has an invalid `stream`; a name has no `:` and no `*`")
        self._where = {"logGroupName": resource.name, "logStreamName": stream}
        self._body, self._secrets = body_of(resource.address, labels), resource.secrets
        self._client = Client("logs", resource, region_of(resource))

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Put all deliveries in one request, with the time at which the bridge added them."""
        events = self.events(deliveries)
        try:
            response = self._put(events)
        except Exception as error:  # noqa: BLE001  # outcome_of raises what is not botocore's
            return outcome_of(error, self._secrets)
        if "RequestId" not in response.get("ResponseMetadata", {}):
            return NOT_AWS
        return _outcome(response.get("rejectedLogEventsInfo", {}), len(deliveries))

    def events(self, deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
        """The events, whose times ascend. The time of an alert is in its JSON."""
        total = _REQUEST - _OVERHEAD * len(deliveries)
        lines = bounded_lines([self._body(each) for each in deliveries], _EVENT, total)
        times = [each.created_ns // 1_000_000 for each in deliveries]
        earliest = max(times) - _DAY_MS
        ascending = accumulate((max(time, earliest) for time in times), max)
        return [{"timestamp": time, "message": line.decode()} for time, line in zip(ascending, lines, strict=True)]

    def _put(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        try:
            return self._client.call("put_log_events", **self._where, logEvents=events)
        except ClientError as error:
            if _code(error) != "ResourceNotFoundException":
                raise
        try:
            self._client.call("create_log_stream", **self._where)
        except ClientError as error:
            if _code(error) != "ResourceAlreadyExistsException":  # another sender has created it
                raise
        return self._client.call("put_log_events", **self._where, logEvents=events)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _outcome(rejected: Mapping[str, int], count: int) -> Outcome:
    """The events are accepted but for the oldest and the newest ones, whose positions the service says."""
    first = max(rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0))
    end = rejected.get("tooNewLogEventStartIndex", count)
    good, bad = Outcome(Verdict.DELIVERED, 200), Outcome(Verdict.REJECTED, 200, "AWS: too old or too new for the group")
    return summarized([good if first <= at < end else bad for at in range(count)])
