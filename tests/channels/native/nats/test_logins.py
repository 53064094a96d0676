"""Logins, permissions and TLS of the NATS channel, against a real nats-server."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import nkeys
import pytest
from nats.js.api import StorageType, StreamConfig

from bridge.channels.contract import Channel, Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.delivery.extras import ChannelExtras, ClientTls
from tests.channels.native.nats.cases import BATCH, NEEDS_SERVER, open_at
from tests.support.certificates import make_authority
from tests.support.nats_server import Server, nats_server

pytestmark = NEEDS_SERVER
USERS = """
authorization { users: [
  {user: alice, password: "s3cret/word"},
  {user: bob, password: bobs-secret, permissions: {publish: ["other", "$JS.>"], subscribe: ">"}},
  {user: carol, password: carols-secret, permissions: {publish: "users.>", subscribe: "_INBOX_carol.>"}}
]}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with nats_server(tmp_path_factory.mktemp("users"), USERS) as running:
        config = StreamConfig("USERS", subjects=["users.>"], storage=StorageType.MEMORY)
        running.ask(lambda client: client.jetstream().add_stream(config), user="alice", password="s3cret/word")
        yield running


@pytest.mark.parametrize(
    ("login", "query", "verdict", "part"),
    [
        ("alice:s3cret%2Fword@", "", Verdict.DELIVERED, ""),
        ("alice:s3cret%2Fword@", "?delivery=core", Verdict.DELIVERED, ""),
        ("alice:wrong@", "", Verdict.CHANNEL_FAULT, "compare the login"),
        ("", "", Verdict.CHANNEL_FAULT, "compare the login"),
        ("bob:bobs-secret@", "", Verdict.CHANNEL_FAULT, "allow the user to publish"),
        ("bob:bobs-secret@", "?delivery=core", Verdict.CHANNEL_FAULT, "allow the user to publish"),
        ("carol:carols-secret@", "?inbox=_INBOX_carol", Verdict.DELIVERED, ""),
        ("carol:carols-secret@", "", Verdict.CHANNEL_FAULT, "subscribe to `_INBOX.>`"),
    ],
)
def test_logins_and_permissions(
    guarded: Server, opened: list[Channel], login: str, query: str, verdict: Verdict, part: str
) -> None:
    """A login that is refused and a subject that is forbidden are faults of the channel, found at once."""
    outcome = open_at(guarded, opened, f"users.falco{query}", login=login).send(BATCH[:3])
    assert outcome.verdict is verdict, outcome
    assert part in outcome.reason
    assert "secret" not in outcome.reason


def test_tokens_and_nkeys(tmp_path: Path, opened: list[Channel]) -> None:
    """A seed is in a file, a token in the URL."""
    pair = nkeys.from_seed(b"SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU")
    (tmp_path / "seed").write_bytes(pair.seed)
    with nats_server(tmp_path / "n", "authorization { token: t0ken-of-falco }\n", jetstream=False) as server:
        right = open_at(server, opened, "a?delivery=core", login="t0ken-of-falco@")
        assert right.send(BATCH).verdict is Verdict.DELIVERED
        assert open_at(server, opened, "a?delivery=core", login="x@").send(BATCH).verdict is Verdict.CHANNEL_FAULT
    users = f"authorization {{ users: [{{nkey: {pair.public_key.decode()}}}] }}\n"
    with nats_server(tmp_path / "k", users, jetstream=False) as server:
        right = open_at(server, opened, f"a?delivery=core&nkey={tmp_path}/seed")
        assert right.send(BATCH).verdict is Verdict.DELIVERED
        outcome = open_at(server, opened, "a").send(BATCH)
        assert outcome.verdict is Verdict.CHANNEL_FAULT


def signed_token(signer: nkeys.KeyPair, subject: bytes, claims: dict[str, object]) -> str:
    """A JWT of NATS, as nsc makes it."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    head = part({"typ": "JWT", "alg": "ed25519-nkey"})
    body = {
        "jti": "x",
        "iat": 1,
        "iss": signer.public_key.decode(),
        "name": "n",
        "sub": subject.decode(),
        "nats": claims,
    }
    content = head + b"." + part(body)
    return (content + b"." + base64.urlsafe_b64encode(signer.sign(content)).rstrip(b"=")).decode()


def key_pair(prefix: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))


def test_credentials_of_an_operator(tmp_path: Path, opened: list[Channel]) -> None:
    """The file has a JWT and its seed, as Synadia and nsc give them out."""
    operator, account = key_pair(nkeys.PREFIX_BYTE_OPERATOR), key_pair(nkeys.PREFIX_BYTE_ACCOUNT)
    user = key_pair(nkeys.PREFIX_BYTE_USER)
    seed = user.seed.decode()
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    claims = {"type": "account", "version": 2, "limits": unlimited | {"wildcards": True}}
    account_token = signed_token(operator, account.public_key, claims)
    rights = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}
    user_token = signed_token(account, user.public_key, rights)
    (tmp_path / "creds").write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n",
        encoding="utf-8",
    )
    own = signed_token(operator, operator.public_key, {"type": "operator", "version": 2})
    config = (
        f"operator: {own}\nresolver: MEMORY\nresolver_preload: {{ {account.public_key.decode()}: {account_token} }}\n"
    )
    with nats_server(tmp_path / "n", config, jetstream=False) as server:
        right = open_at(server, opened, f"a?delivery=core&creds={tmp_path}/creds")
        assert right.send(BATCH).verdict is Verdict.DELIVERED
        assert open_at(server, opened, "a?delivery=core").send(BATCH).verdict is Verdict.CHANNEL_FAULT


@pytest.mark.parametrize("name", ["creds", "nkey"])
def test_a_file_without_credentials_is_reported_when_the_config_is_checked(name: str, tmp_path: Path) -> None:
    """Its content is not shown."""
    (tmp_path / "file").write_text("hunter2", encoding="utf-8")
    problem = str(problem_with(f"nats://h/a?{name}={tmp_path}/file"))
    assert problem == f"has a file in `{name}` that contains no credentials of NATS"


def test_tls_and_client_certificates(tmp_path: Path, opened: list[Channel]) -> None:
    """The server is verified, and verifies the client."""
    authority = make_authority(tmp_path)
    pair, client = authority.issue("server"), authority.issue("client")
    other = make_authority(tmp_path, "other")
    tls = f'tls {{ cert_file: "{pair.certificate}", key_file: "{pair.key}", ca_file: "{authority.certificate}", verify: true }}\n'
    with nats_server(tmp_path / "n", tls, jetstream=False) as server:
        url = f"natss://localhost:{server.port}/a?delivery=core&cafile="
        mutual = ChannelExtras(tls=ClientTls(cert=str(client.certificate), key=str(client.key)))
        for ca, given, part in (
            (authority, mutual, ""),
            (authority, ChannelExtras(), "client certificate"),
            (other, mutual, "TLS certificate of localhost not trusted"),
        ):
            channel = open_channel("n", f"{url}{ca.certificate}", {}, extras=given)
            opened.append(channel)
            outcome = channel.send(BATCH)
            assert outcome.verdict is (Verdict.RETRY if part else Verdict.DELIVERED), outcome
            assert part in outcome.reason


def test_a_server_without_tls_gets_no_login(opened: list[Channel]) -> None:
    """Somebody in between can claim that the server offers none."""
    info = b'INFO {"server_id":"x","version":"2.11.0","max_payload":1048576,"auth_required":true}\r\n'
    received = bytearray()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(info)
            connection.settimeout(60)
            while data := connection.recv(4096):
                received.extend(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        channel = open_channel("n", f"natss://me:pass-word@127.0.0.1:{listener.getsockname()[1]}/a", {})
        opened.append(channel)
        outcome = channel.send(BATCH)
        thread.join(60)
    assert outcome.verdict is Verdict.CHANNEL_FAULT
    assert "offers no TLS" in outcome.reason
    assert b"pass-word" not in received
