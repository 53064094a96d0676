"""Opens the channel of an AWS service."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.channels.contract import Channel
from bridge.channels.native.aws import cloudwatch_logs, function, kinesis, s3, sns, sqs
from bridge.channels.native.aws.resource import parse_resource


def open_aws(name: str, url: str, labels: Mapping[str, str]) -> Channel:
    """The channel of a URL. Raises ChannelError."""
    match url.partition("://")[0].lower():
        case "s3":
            return s3.S3Channel(name, parse_resource(url, s3.PARAMETERS), labels)
        case "sqs":
            return sqs.SqsChannel(name, parse_resource(url, sqs.PARAMETERS), labels)
        case "sns-topic":
            return sns.SnsChannel(name, parse_resource(url, sns.PARAMETERS), labels)
        case "kinesis":
            return kinesis.KinesisChannel(name, parse_resource(url, kinesis.PARAMETERS), labels)
        case "cloudwatch-logs":
            resource = parse_resource(url, cloudwatch_logs.PARAMETERS)
            return cloudwatch_logs.CloudWatchLogsChannel(name, resource, labels)
        case _:
            return function.LambdaChannel(name, parse_resource(url, function.PARAMETERS), labels)
