"""A courier with a queue that accepts some messages of a request and refuses others."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.channels.registry import open_channel
from bridge.delivery import Circuit
from tests.courier.working import entry, working
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until


def test_messages_that_a_queue_refuses_are_tried_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was accepted is not sent again. An invalid one becomes a dead letter with the reason of AWS."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    tried = Counter[str]()
    accepted: list[str] = []

    def answer(request: Request) -> Answer:
        successful, failed = list[dict[str, Any]](), list[dict[str, Any]]()
        for each in json.loads(request.body)["Entries"]:
            text = json.loads(each["MessageBody"])["output"]
            tried[text] += 1
            if text == "invalid":
                failed.append({"Id": each["Id"], "SenderFault": True, "Code": "InvalidMessageContents"})
            elif text == "busy" and tried[text] < 3:
                failed.append({"Id": each["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                accepted.append(text)
                successful.append({"Id": each["Id"], "MessageId": "m", "MD5OfMessageBody": "0" * 32})
        body = json.dumps({"Successful": successful, "Failed": failed}).encode()
        return Answer(200, body, {"Content-Type": "application/x-amz-json-1.0"})

    texts = [*map(str, range(8)), "invalid", "busy"]
    with FarSide(answer).serving() as server:
        url = f"sqs://key:secret@127.0.0.1:{server.port}/1/q?endpoint=http://127.0.0.1:{server.port}"
        entries = [entry(text, "c") for text in texts]
        with working(tmp_path, [open_channel("c", url, {})], entries=entries) as work:
            wait_until(lambda: work.undelivered == 0, "all are settled")
            health = work.journal.deliveries.health()["c"]
    assert sorted(accepted) == sorted([*map(str, range(8)), "busy"])
    assert tried == Counter(texts) + Counter({"busy": 2})
    assert (health.delivered, health.dead, health.circuit) == (9, 1, Circuit.CLOSED)
