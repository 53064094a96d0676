"""``elasticsearch://``, ``opensearch://`` and the same with an ``s``: alerts as documents, through the bulk API.

Documents are created, never replaced, and their ids are those of the alerts: a repeat is refused as an existing one.
elasticsearch-py would add a second HTTP client, whose retries and node pools the courier does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.native.elastic.answers import ANSWER_FIELDS, item_outcomes, whole_answer
from bridge.channels.native.elastic.documents import DOCUMENTS, bounded
from bridge.channels.native.elastic.index_name import check_index, index_of
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.common.masking import redacted
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras
from bridge.routing import NotificationKind

PARAMETERS = ("index", "stream", "format", "names", "apikey", "token", "cafile")
_DEFAULT_INDEX = "falco-YYYY.MM.DD"
_BULK = "/_bulk"
_LARGEST_ANSWER = 1 << 20
_encode = msgspec.json.Encoder().encode


class ElasticChannel:
    """The channel of one cluster and index or data stream."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(
        self, name: str, address: Address, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS
    ) -> None:
        """Raises ChannelError if the address cannot be used."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._index = _index(address)
        self._document = DOCUMENTS[address.choice("format", tuple(DOCUMENTS))]
        self._flat = address.choice("names", ("flat", "dotted")) == "flat"
        path, query = address.path.rstrip("/"), f"filter_path={ANSWER_FIELDS}"
        address = replace(address, query="&".join(filter(None, (query, address.query))))
        self._endpoint = Endpoint(
            address,
            path if path.endswith(_BULK) else path + _BULK,
            _authorization(address),
            name=name,
            extras=extras,
            largest=_LARGEST_ANSWER,
        )
        self.address = self._endpoint.address
        self._secrets = address.secrets | extras.secrets

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Create all documents in one request; each has an outcome of its own."""
        response = self._endpoint.request(self.body(deliveries), {"Content-Type": "application/x-ndjson"})
        if response.status == 200:
            outcome = item_outcomes(response, len(deliveries))
        else:
            outcome = whole_answer(response) or self._endpoint.outcome(response)
        return self._without_secrets(outcome)

    def body(self, deliveries: Sequence[Delivery]) -> bytes:
        """The body of the request: two lines for each document."""
        lines: list[bytes] = []
        for each in deliveries:
            index = index_of(self._index, each.alert.time_ns)
            lines.append(_encode({"create": {"_index": index, "_id": _document_id(each)}}))
            lines.append(_encode(bounded(self._document(each, self._labels), flat=self._flat)))
        return b"\n".join(lines) + b"\n"

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _without_secrets(self, outcome: Outcome) -> Outcome:
        each = tuple(replace(one, reason=redacted(one.reason, self._secrets)) for one in outcome.each)
        return replace(outcome, reason=redacted(outcome.reason, self._secrets), each=each)


def _document_id(delivery: Delivery) -> str:
    """The alert's id. A notification about more than the alert has the delivery's as well."""
    alert, context = delivery.alert.id, delivery.notification.context
    return alert if context is None or context.kind is NotificationKind.SINGLE else f"{alert}-{delivery.id}"


def _index(address: Address) -> str:
    index, stream = address.one("index"), address.one("stream")
    if index and stream:
        raise ChannelError("has both `index` and `stream`; remove one")
    check_index(stream or index or _DEFAULT_INDEX, "stream" if stream else "index")
    return stream or index or _DEFAULT_INDEX


def _authorization(address: Address) -> dict[str, str]:
    api_key, token = address.one("apikey"), address.one("token")
    ways = [way for way in (api_key, token, address.user or address.password) if way]
    if len(ways) > 1:
        raise ChannelError("has more than one of USER:PASSWORD@, `apikey` and `token`; keep one")
    value = f"ApiKey {api_key}" if api_key else f"Bearer {token}" if token else ""
    if not value.isprintable() or not value.isascii():
        raise ChannelError("has an `apikey` or `token` with characters other than printable ASCII")
    return {"Authorization": value} if value else {}
