"""``chronicle://``: each alert as a log of Google Security Operations (Chronicle), many a request, through its API.

The API is ``logs.import`` of cloud.google.com/chronicle/docs/reference/rest.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.bodies import body_of, bounded_lines
from bridge.channels.native.gcp.service import answer_of, make_service
from bridge.channels.native.shared.address import Address
from bridge.common.clocks.times import iso_text
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import ChannelExtras

PARAMETERS = ("region", "log-type")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PLACE = re.compile(r"([a-z][a-z0-9-]{4,28}[a-z0-9])/([A-Za-z0-9-]{1,63})")
_REGION = re.compile(r"[a-z]{2,12}(?:-[a-z]{2,12}\d{0,2})?")
_TYPE = re.compile(r"[A-Z0-9_]{1,100}")
_LOG, _REQUEST = 700_000, 700_000
"""Bytes of a log and of a request, which is 1 MB at most and longer by a third in base64."""
_MOMENT_NS = 1_000_000
_encode = msgspec.json.Encoder().encode


class ChronicleChannel:
    """The channel of one instance and log type."""

    batch_size = 100
    digest_limit = batch_size

    def __init__(
        self, name: str, place: str, address: Address, labels: Mapping[str, str], extras: ChannelExtras
    ) -> None:
        """Raises ChannelError if the instance or a parameter is invalid, or google-auth is not installed."""
        self.name = name
        found = _PLACE.fullmatch(place)
        region, kind = address.one("region"), address.one("log-type", "FALCO_IDS")
        if found is None:
            raise ChannelError("has no valid instance; write chronicle://PROJECT/INSTANCE?region=REGION")
        if not _REGION.fullmatch(region):
            raise ChannelError("has no valid `region`; write one such as us, eu or europe-west3")
        if not _TYPE.fullmatch(kind):
            raise ChannelError("has an invalid `log-type`; write one such as FALCO_IDS")
        parent = f"projects/{found[1]}/locations/{region}/instances/{found[2]}/logTypes/{kind}"
        api = f"https://chronicle.{region}.rep.googleapis.com"
        self._body = body_of(address, labels)
        self._service = make_service(name, address, api, f"/v1beta/{parent}/logs:import", _SCOPE, extras)
        self.address = self._service.address

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Import all deliveries in one request, which the service accepts or refuses as a whole."""
        body = self.request(deliveries)
        return self._service.post(body, "application/json", lambda response: isinstance(answer_of(response), dict))

    def request(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request."""
        lines = bounded_lines([self._body(each) for each in deliveries], _LOG, _REQUEST)
        logs = [_log(each, line) for each, line in zip(deliveries, lines, strict=True)]
        return _encode({"inlineSource": {"logs": logs}})

    def close(self) -> None:
        """Close the connections."""
        self._service.close()


def _log(delivery: Delivery, line: bytes) -> dict[str, str]:
    """It is collected when the bridge added it, which has to be after its own time."""
    collected = delivery.created_ns
    return {
        "data": base64.b64encode(line).decode(),
        "logEntryTime": iso_text(min(delivery.alert.time_ns, collected - _MOMENT_NS)),
        "collectionTime": iso_text(collected),
    }
