"""A client of one AWS service through botocore: credentials, roles, proxies, trusted CAs and time limits."""

from __future__ import annotations

import threading
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from bridge import __version__
from bridge.channels.native.aws.resource import Resource
from bridge.channels.native.shared.extras import require
from bridge.common.files.trust import CONNECT_SECONDS, READ_SECONDS, bundle, proxy

EXTRA = "aws"
_MAX_CONNECTIONS = 64


class Client:
    """Made at the first call, because botocore takes 0.3 s to load a service. Thread-safe."""

    def __init__(self, service: str, resource: Resource, region: str | None, **config: Any) -> None:
        """``region`` is None to take it from AWS's config file. ``config`` is for botocore.

        Raises ChannelError if botocore is not installed.
        """
        require("botocore", EXTRA)
        self._service, self._resource, self._region, self._config = service, resource, region, config
        self._lock = threading.Lock()
        self._client: Any = None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one request, without retries. Raises the exceptions of botocore."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
        response: dict[str, Any] = getattr(self._client, operation)(**arguments)
        return response

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _make(self) -> Any:
        from botocore.config import Config

        resource = self._resource
        session = make_session()
        if resource.key_id:
            session.set_credentials(resource.key_id, resource.secret_key, resource.token or None)
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},  # the courier retries
            max_pool_connections=_MAX_CONNECTIONS,
            user_agent_extra=f"falco-bridge/{__version__}",
            proxies=self._proxies(),
            request_checksum_calculation="when_required",  # compatible services do not know the newer ones
            response_checksum_validation="when_required",
            **self._config,
        )
        session.set_default_client_config(config)
        trusted = resource.cafile or bundle()
        options = {"region_name": self._region, "verify": trusted if Path(trusted).is_file() else True}
        if resource.role:
            session = _role_session(session, resource, options)
        return session.create_client(self._service, endpoint_url=resource.endpoint or None, config=config, **options)

    def _proxies(self) -> dict[str, str]:
        """The proxy that the bridge's other channels would use for this service."""
        found = proxy(self._resource.endpoint or f"https://{self._service}.{self._region or 'us-east-1'}.amazonaws.com")
        return {} if found is None else {"http": found, "https": found}


def make_session() -> Any:
    """A session of botocore. All of them share the descriptions of the services, which take 0.2 s to read."""
    from botocore.session import Session

    session = Session()
    session.register_component("data_loader", _loader())
    return session


@lru_cache(1)
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


def _role_session(source: Any, resource: Resource, options: dict[str, Any]) -> Any:
    """A session with the credentials of a role, which botocore renews before they expire."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    credentials = source.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    arguments = {"RoleSessionName": "falco-bridge"}
    if resource.external_id:
        arguments["ExternalId"] = resource.external_id
    creator = partial(source.create_client, **options)
    fetcher = AssumeRoleCredentialFetcher(creator, credentials, resource.role, extra_args=arguments)
    session = make_session()
    of_role = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    session.register_component("credential_provider", _Resolver(of_role))
    return session


class _Resolver:
    """What botocore asks for credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        """The credentials of the role."""
        return self._credentials
