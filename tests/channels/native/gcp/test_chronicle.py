"""Chronicle: logs in one request, collected after they happened."""

from __future__ import annotations

import dataclasses

from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel
from tests.channels.deliveries import TIME_NS, make_delivery
from tests.channels.native.gcp.google import Google
from tests.support.far_side import Answer, FarSide


def test_a_batch_is_one_import() -> None:
    """An alert from the future is no reason to refuse all of them. A login page is no delivery."""
    google = Google()
    with FarSide(google).serving() as server:
        url = f"chronicle://acme-prod/0123-abcd?region=eu&endpoint=http://127.0.0.1:{server.port}"
        channel = open_channel("c", url, {"cluster": "eu-1"})
        sent = [dataclasses.replace(make_delivery(1), created_ns=TIME_NS + 5), make_delivery(2)]
        assert channel.send(sent).verdict is Verdict.DELIVERED
        google.errors = [Answer(200, b"<html>")]
        assert channel.send(sent).verdict is Verdict.RETRY
    ((first, second),) = google.messages
    assert first["data"]["falco_bridge"]["labels"] == {"cluster": "eu-1"}
    assert first["logEntryTime"] < first["collectionTime"]
    assert second["collectionTime"].startswith("1970-01-01T00:00:00")
