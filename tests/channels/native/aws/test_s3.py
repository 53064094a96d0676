"""S3: one object of compressed lines for a batch, whose key has nothing of an alert's text."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from bridge.channels.contract import Verdict
from bridge.channels.registry import open_channel, problem_with
from tests.channels.deliveries import make_delivery
from tests.channels.native.aws.conftest import REGION, Cloud

HOSTILE = "../../\u202e%2e%2e/\x00{evil}\n"


def objects(cloud: Cloud) -> dict[str, bytes]:
    client = cloud.client("s3")
    keys = [each["Key"] for each in client.list_objects_v2(Bucket="alerts").get("Contents", [])]
    return {key: client.get_object(Bucket="alerts", Key=key)["Body"].read() for key in keys}


def make_bucket(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="alerts", CreateBucketConfiguration={"LocationConstraint": REGION})


def test_a_batch_is_one_object_of_lines(cloud: Cloud) -> None:
    """The key has the prefix, the time and ids; the content every alert and the config's labels."""
    make_bucket(cloud)
    channel = open_channel("c", cloud.channel("s3://alerts/falco/eu", ":env=prod"), {"cluster": "eu-1"})
    deliveries = [make_delivery(number, rule=HOSTILE, output=HOSTILE, hostname=HOSTILE) for number in range(1, 4)]
    assert channel.send(deliveries).verdict is Verdict.DELIVERED
    channel.close()
    ((key, content),) = objects(cloud).items()
    assert re.fullmatch(r"falco/eu/1970/01/01/19700101T000000Z-1-[0-9a-f]{16}\.jsonl\.gz", key)
    lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    assert [line["falco_bridge"]["delivery"] for line in lines] == [1, 2, 3]
    assert lines[0]["falco_bridge"]["labels"] == {"cluster": "eu-1", "env": "prod"}


def test_a_repeat_replaces_its_object(cloud: Cloud) -> None:
    """With the same bytes. Other deliveries are another object."""
    make_bucket(cloud)
    channel = open_channel("c", cloud.channel("s3://alerts"), {})
    channel.send([make_delivery(1), make_delivery(2)])
    (before,) = objects(cloud).items()
    channel.send([make_delivery(1), make_delivery(2)])
    assert [*objects(cloud).items()] == [before]
    channel.send([make_delivery(1)])
    assert len(objects(cloud)) == 2


def test_options_of_the_objects(cloud: Cloud) -> None:
    """Encryption with a key, a storage class and a permission; plain lines where they are wanted."""
    make_bucket(cloud)
    more = "sse=aws:kms&kms-key=alias/falco&storage-class=STANDARD_IA&acl=bucket-owner-full-control&compression=none"
    outcome = open_channel("c", cloud.channel("s3://alerts", more), {}).send([make_delivery(1)])
    assert outcome.verdict is Verdict.DELIVERED
    ((key, content),) = objects(cloud).items()
    assert json.loads(content)["rule"] == "Terminal shell"
    head = cloud.client("s3").head_object(Bucket="alerts", Key=key)
    assert (head["ServerSideEncryption"], head["StorageClass"]) == ("aws:kms", "STANDARD_IA")
    assert head["SSEKMSKeyId"] == "alias/falco"
    assert head["ContentType"] == "application/x-ndjson"


def test_the_json_of_falcosidekick(cloud: Cloud) -> None:
    """For programs that read what falcosidekick wrote."""
    make_bucket(cloud)
    open_channel("c", cloud.channel("s3://alerts", "format=falcosidekick&compression=none"), {}).send([make_delivery()])
    (content,) = objects(cloud).values()
    assert "uuid" in json.loads(content)


def test_a_bucket_that_does_not_exist_is_a_fault_of_the_channel(cloud: Cloud) -> None:
    """Deliveries wait for it."""
    outcome = open_channel("c", cloud.channel("s3://alerts"), {}).send([make_delivery()])
    assert (outcome.verdict, outcome.status) == (Verdict.CHANNEL_FAULT, 404)
    assert outcome.reason == "AWS: NoSuchBucket: The specified bucket does not exist"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3://?region=r", "no valid name of a bucket"),
        ("s3://b/p?region=r", "no valid name of a bucket"),
        ("s3://bucket/a b?region=r", "a prefix with other characters"),
        ("s3://bucket", "has no region; add `region`"),
        ("s3://bucket?region=EU", "invalid `region`"),
        ("s3://bucket?region=r&sse=AES", "invalid `sse`; write one of none, AES256"),
        ("s3://bucket?region=r&kms-key=k", "`kms-key` without `sse=aws:kms`"),
        ("s3://bucket?region=r&endpoint=minio:9000", "invalid `endpoint`; write https://HOST"),
        ("s3://bucket?region=r&endpoint=http://u:p@minio", "invalid `endpoint`"),
        ("s3://bucket?region=r&endpoint=http://[", "invalid `endpoint`"),
        ("s3://bucket?region=r&role=admin", "invalid `role`; write its ARN"),
        ("s3://bucket?region=r&external-id=abc", "`external-id`, or one without `role`"),
        ("s3://KEYONLY@bucket?region=r", "half of a login"),
        ("s3://bucket?region=r&token=abcdef", "`token` without"),
        ("s3://bucket?region=r&acl=a/b", "invalid `acl`"),
        ("s3://bucket?region=r&cafile=/no/such.pem", "`cafile` that cannot be read"),
        ("s3://bucket?region=r&%2bX-Name=v", "a header or a query parameter"),
        ("s3://bucket?regoin=r", "did you mean"),
    ],
)
def test_a_mistake_in_the_url_names_the_parameter(url: str, problem: str) -> None:
    """And never shows the login."""
    said = str(problem_with(url))
    assert problem in said
    assert "KEYONLY" not in said


def test_the_region_comes_from_the_environment_or_the_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from AWS's own config file."""
    queue = "sqs://sqs.eu-west-1.amazonaws.com/123456789012/falco"
    assert problem_with(queue) is None
    assert "no region" in str(problem_with("s3://bucket"))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert problem_with("s3://bucket") is None
