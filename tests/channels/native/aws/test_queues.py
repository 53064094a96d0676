"""SQS, SNS, Kinesis, CloudWatch Logs and Lambda: what arrives there, and what their answers mean for each alert."""

from __future__ import annotations

import dataclasses
import json
from time import time_ns
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.channels.contract import Verdict
from bridge.channels.native.aws.sns import subject
from bridge.channels.registry import open_channel, problem_with
from bridge.routing import NotificationContext, NotificationKind
from tests.channels.deliveries import make_delivery
from tests.channels.native.aws.conftest import LOGIN, REGION, Cloud
from tests.support.builders import delivery, notification
from tests.support.far_side import Answer, FarSide, Request

HUGE = {"proc.cmdline": "x" * 300_000}


def queue_of(cloud: Cloud, name: str, **attributes: str) -> tuple[Any, str, str]:
    """A client, the queue's URL, and the URL of a channel for it."""
    client = cloud.client("sqs")
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return client, url, cloud.channel(f"sqs://{url.partition('://')[2]}")


def received(client: Any, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get(
        "Messages"
    ):
        found += messages
        for each in messages:
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return found


def test_a_batch_is_one_request_with_a_message_for_each_alert(cloud: Cloud) -> None:
    """Characters that a queue refuses are escaped, and huge alerts are cut to what it takes."""
    client, url, channel_url = queue_of(cloud, "alerts")
    deliveries = [make_delivery(number, output=f"\uffff {number}", output_fields=HUGE) for number in range(10)]
    assert open_channel("c", channel_url, {}).send(deliveries).verdict is Verdict.DELIVERED
    bodies = [message["Body"] for message in received(client, url)]
    assert sorted(json.loads(body)["output"] for body in bodies) == [f"\uffff {number}" for number in range(10)]
    assert sum(len(body.encode()) for body in bodies) <= 256 * 1024
    assert "\uffff" not in "".join(bodies)


def test_a_fifo_queue_has_the_order_and_drops_repeats(cloud: Cloud) -> None:
    """The group is the route or the incident, and the id is the alert's, of a later message also the delivery's."""
    client, url, channel_url = queue_of(cloud, "alerts.fifo", FifoQueue="true")
    channel = open_channel("c", channel_url, {})
    first = make_delivery(1)
    later = delivery(
        first.alert, 2,
        to=replace(notification("c", "route x"), context=NotificationContext(NotificationKind.RESOLVED, incident="i-1")),
    )  # fmt: skip
    for _ in range(2):
        assert channel.send([first, later]).verdict is Verdict.DELIVERED
    messages = received(client, url)
    attributes = [message["Attributes"] for message in messages]
    assert [each["MessageDeduplicationId"] for each in attributes] == [first.alert.id, f"{first.alert.id}-2"]
    assert len({each["MessageGroupId"] for each in attributes}) == 2
    assert channel.entries([make_delivery(3, rule="other")])[0]["MessageGroupId"] == attributes[0]["MessageGroupId"]


def answer_of(response: dict[str, Any], status: int = 200) -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1-2"}
    return Answer(status, json.dumps(response).encode(), headers)


def test_each_message_has_its_own_answer() -> None:
    """Accepted, refused for its content, throttled, refused by a fault of SQS, and not mentioned."""
    failed = [
        {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "invalid characters"},
        {"Id": "2", "SenderFault": False, "Code": "RequestThrottled"},
        {"Id": "3", "SenderFault": False, "Code": "Odd"},
        {"Id": "4", "SenderFault": True, "Code": "InvalidParameterValue"},
    ]
    accepted = [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0" * 32}]
    with FarSide(lambda _: answer_of({"Successful": accepted, "Failed": failed})).serving() as server:
        url = f"sqs://{LOGIN}@127.0.0.1:{server.port}/1/q?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery(number) for number in range(6)])
    assert [each.verdict.value for each in outcome.each] == [
        "delivered", "rejected", "retry", "retry", "rejected", "retry",
    ]  # fmt: skip
    assert outcome.each[1].reason == "AWS: InvalidMessageContents: invalid characters"
    assert outcome.each[2].status == 429
    assert outcome.verdict is Verdict.RETRY


def test_a_topic_gets_json_a_subject_and_attributes(cloud: Cloud) -> None:
    """A queue that is subscribed receives them; an attacker's text breaks neither."""
    client, url, _ = queue_of(cloud, "subscribed")
    topics = cloud.client("sns")
    arn = topics.create_topic(Name="alerts")["TopicArn"]
    queue_arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    hostile = make_delivery(1, rule="\n\x1b[2J" + "ü" * 500, output="\ufffe")
    outcome = open_channel("c", cloud.channel(f"sns-topic://{arn}"), {}).send([hostile, make_delivery(2)])
    assert outcome.verdict is Verdict.DELIVERED
    messages = [json.loads(message["Body"]) for message in received(client, url)]
    bodies = [json.loads(message["Message"]) for message in messages]
    assert sorted(body["falco_bridge"]["delivery"] for body in bodies) == [1, 2]
    assert all(len(message["Subject"]) <= 100 and message["Subject"].isascii() for message in messages)
    second = next(each for each in messages if '"delivery":2' in each["Message"])
    assert second["Subject"] == "[CRITICAL] Terminal shell"
    assert second["MessageAttributes"]["severity"] == {"Type": "String", "Value": "critical"}


def test_a_topic_can_get_text_for_people(cloud: Cloud) -> None:
    """As falcosidekick sent it, and readable in a mail."""
    topics = cloud.client("sns")
    arn = topics.create_topic(Name="people")["TopicArn"]
    channel = open_channel("c", cloud.channel(f"sns-topic://{arn}", "format=text"), {})
    (entry,) = channel.entries([make_delivery(1)])
    assert "rm -rf /" in entry["Message"]
    assert entry["Message"].startswith("[CRITICAL] Terminal shell\n")  # a text message has no subject
    assert channel.send([make_delivery(1)]).verdict is Verdict.DELIVERED


@pytest.mark.parametrize("text", ["", "\n", "\u202e\x00\x1b", "é" * 1000, "a" * 1000, " x"])
def test_a_subject_is_one_that_sns_accepts(text: str) -> None:
    """ASCII without control characters, 1 to 100 characters, no blank at its begin."""
    made = subject(text)
    assert 1 <= len(made) <= 100
    assert made.isascii()
    assert made.isprintable()
    assert not made.startswith(" ")


def test_a_stream_gets_records(cloud: Cloud) -> None:
    """Spread over the shards, or in order: those of one route in one shard."""
    client = cloud.client("kinesis")
    client.create_stream(StreamName="alerts", ShardCount=4)
    client.create_stream(StreamName="spread", ShardCount=4)
    sent = [make_delivery(at, rule=f"rule {at}") for at in range(20)]
    outcome = open_channel("c", cloud.channel("kinesis://alerts", "ordering=yes"), {}).send(sent)
    assert outcome.verdict is Verdict.DELIVERED
    assert open_channel("c", cloud.channel("kinesis://spread"), {}).send(sent).verdict is Verdict.DELIVERED
    (records,) = filter(None, by_shard(client, "alerts"))
    assert records == [*range(20)]
    spread = [shard for shard in by_shard(client, "spread") if shard]
    assert len(spread) > 1
    assert sorted(number for shard in spread for number in shard) == [*range(20)]


def by_shard(client: Any, stream: str) -> list[list[int]]:
    """The ids of the deliveries in each shard."""
    found = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**where)["ShardIterator"]
        records = client.get_records(ShardIterator=iterator)["Records"]
        found.append([json.loads(each["Data"])["falco_bridge"]["delivery"] for each in records])
    return found


def test_a_throttled_shard_delays_its_records_only() -> None:
    """The others are delivered."""
    records = [
        {"SequenceNumber": "1", "ShardId": "s"},
        {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard"},
    ]
    with FarSide(lambda _: answer_of({"FailedRecordCount": 1, "Records": records})).serving() as server:
        url = f"kinesis://{LOGIN}@alerts?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery(1), make_delivery(2)])
    assert [(each.verdict, each.status) for each in outcome.each] == [(Verdict.DELIVERED, 200), (Verdict.RETRY, 429)]


def test_a_log_stream_is_created_and_gets_events(cloud: Cloud) -> None:
    """In the order of their arrival."""
    client = cloud.client("logs")
    channel = open_channel("c", cloud.channel("cloudwatch-logs:///falco/alerts", "stream=eu"), {})
    outcome = channel.send([make_delivery(1)])
    assert outcome.verdict is Verdict.CHANNEL_FAULT, "the group does not exist"
    client.create_log_group(logGroupName="/falco/alerts")
    sent = [dataclasses.replace(make_delivery(at), created_ns=time_ns() - at * 1_000_000) for at in range(3)]
    assert channel.send(sent).verdict is Verdict.DELIVERED
    events = client.get_log_events(logGroupName="/falco/alerts", logStreamName="eu", startFromHead=True)["events"]
    assert [json.loads(each["message"])["falco_bridge"]["delivery"] for each in events] == [0, 1, 2]


def test_events_that_the_group_does_not_take_are_rejected() -> None:
    """The oldest and the newest, by their positions."""
    rejected = {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    with FarSide(lambda _: answer_of({"rejectedLogEventsInfo": rejected})).serving() as server:
        url = f"cloudwatch-logs://{LOGIN}@g?endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", url, {}).send([make_delivery(at) for at in range(4)])
    verdicts = [each.verdict for each in outcome.each]
    assert verdicts == [Verdict.REJECTED, Verdict.DELIVERED, Verdict.DELIVERED, Verdict.REJECTED]


def test_a_function_gets_an_event_of_each_alert() -> None:
    """Asynchronously; a function that does not exist is a fault of the channel."""

    def answer(request: Request) -> Answer:
        if "/falco/" in request.path:
            return Answer(202, b"")
        return Answer(404, b'{"Message":"Function not found"}', {"x-amzn-ErrorType": "ResourceNotFoundException"})

    with FarSide(answer).serving() as server:
        ends = f"region={REGION}&endpoint=http://127.0.0.1:{server.port}"
        outcome = open_channel("c", f"lambda://{LOGIN}@falco?qualifier=live&{ends}", {}).send([make_delivery(1)])
        missing = open_channel("c", f"lambda://{LOGIN}@other?{ends}", {}).send([make_delivery(1)])
    assert outcome.verdict is Verdict.DELIVERED
    assert server.requests[0].path == "/2015-03-31/functions/falco/invocations?Qualifier=live"
    assert server.requests[0].headers["X-Amz-Invocation-Type"] == "Event"
    assert json.loads(server.requests[0].body)["rule"] == "Terminal shell"
    assert (missing.verdict, missing.status) == (Verdict.CHANNEL_FAULT, 404)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqs://falco?region=r", "no URL of a queue; replace its https:// with sqs://"),
        ("sns-topic://falco?region=r", "no ARN of a topic"),
        (
            "sns-topic://arn:aws:sns:eu-west-1:1:t?format=xml",
            "invalid `format`; write one of falco, falcosidekick, text",
        ),
        ("kinesis://a:b?region=r", "no valid name of a stream"),
        ("cloudwatch-logs://?region=r", "no valid name of a log group"),
        ("cloudwatch-logs://g?region=r&stream=a:b", "invalid `stream`"),
        ("lambda://a b?region=r", "no valid name or ARN of a function"),
        ("lambda://a?region=r&qualifier=a/b", "invalid `qualifier`"),
        ("lambda://a?region=r&stream=a", "unknown parameter"),
    ],
)
def test_a_mistake_in_the_url_is_explained(url: str, problem: str) -> None:
    """At `check`, without a connection."""
    assert problem in str(problem_with(url))
