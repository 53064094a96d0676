"""Parses the URL of an AWS channel: ``SCHEME://KEY_ID:SECRET@RESOURCE?PARAMETERS``."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from bridge.channels.errors import ChannelError
from bridge.channels.native.cloud.place import endpoint_of, split_place
from bridge.channels.native.shared.address import Address
from bridge.common.masking import secrets_in

COMMON = ("region", "endpoint", "role", "external-id", "token", "cafile", "format")
"""The parameters of every AWS channel."""
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_REGION_PART = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}")
"""A region of AWS within an ARN or a host name."""
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]*:role/[\w+=,.@/-]{1,512}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
_CONFIG_FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))


@dataclass(frozen=True, slots=True, repr=False)
class Resource:
    """The parts of a URL. The login is secret, so ``repr`` does not show it."""

    name: str
    """Bucket and prefix, queue, ARN: what stands between the login and the parameters."""
    key_id: str
    secret_key: str
    """Both empty for the default chain of credentials."""
    token: str
    endpoint: str
    """The URL of the service; empty for AWS's own."""
    role: str
    external_id: str
    cafile: str
    address: Address
    """Has the parameters and labels only."""
    secrets: frozenset[str]

    def __repr__(self) -> str:
        return f"Resource({self.name})"


def parse_resource(url: str, known: Collection[str]) -> Resource:
    """Parse a URL. Raises ChannelError, which names the parameter at fault."""
    login, name, address = split_place(url, (*known, *COMMON))
    key_id, _, secret_key = login.partition(":")
    if bool(key_id) != bool(secret_key):
        raise ChannelError("has half of a login; write KEY_ID:SECRET_KEY@, or no login for the default credentials")
    token, role, external_id = (address.one(each) for each in ("token", "role", "external-id"))
    if token and not key_id:
        raise ChannelError("has a `token` without its KEY_ID:SECRET_KEY@")
    if role and not _ROLE.fullmatch(role):
        raise ChannelError("has an invalid `role`; write its ARN, such as arn:aws:iam::123456789012:role/NAME")
    if external_id and not (role and _EXTERNAL_ID.fullmatch(external_id)):
        raise ChannelError("has an invalid `external-id`, or one without `role`")
    return Resource(
        name,
        unquote(key_id),
        unquote(secret_key),
        token,
        endpoint_of(address),
        role,
        external_id,
        _cafile(address),
        address,
        secrets_in(url) | address.secrets,
    )


def region_of(resource: Resource, *, environ: Mapping[str, str] = os.environ) -> str | None:
    """The region: of the parameter, the resource, the environment; None to take it from AWS's config file.

    Raises ChannelError if it is known nowhere.
    """
    if region := resource.address.one("region"):
        if not _REGION.fullmatch(region):
            raise ChannelError("has an invalid `region`; write a name such as eu-central-1")
        return region
    named = next((each for each in re.split(r"[:./]", resource.name) if _REGION_PART.fullmatch(each)), "")
    if found := named or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"):
        return found
    if resource.endpoint:
        return "us-east-1"  # what compatible services expect
    if any(Path(environ.get(name) or default).expanduser().is_file() for name, default in _CONFIG_FILES):
        return None
    raise ChannelError("has no region; add `region`, such as ?region=eu-central-1, or set AWS_REGION")


def _cafile(address: Address) -> str:
    path = address.one("cafile")
    if path and not os.access(path, os.R_OK):
        raise ChannelError("has a `cafile` that cannot be read")
    return path
