"""A journal's connections over TLS: what verifies the server, what the bridge presents, and rotated passwords."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bridge.common.secret import Secret
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read, open_to_write
from tests.support.certificates import Authority, Pair, make_authority
from tests.support.postgres import Server, binaries, new_server
from tests.support.tls_proxy import tls_proxy

PASSWORD = "hunter2hunter2"
ROTATED = "correct-horse-battery"


@dataclass(frozen=True)
class TlsServer:
    """A server whose certificate is for ``localhost``. The role ``bridge`` has a password, ``certified`` none."""

    server: Server
    port: int
    authority: Authority
    folder: Path
    tls_port: int
    """That of the proxy where PostgreSQL has no TLS."""

    @property
    def has_tls(self) -> bool:
        return self.port == self.tls_port

    def url(self, role: str = "bridge", host: str = "localhost", **parameters: object) -> str:
        given = {"hostaddr": "127.0.0.1", "sslmode": "verify-full", "sslrootcert": self.authority.certificate}
        query = "&".join(f"{name}={value}" for name, value in (given | parameters).items() if value)
        return f"postgresql://{role}@{host}:{self.tls_port}/postgres?{query}"

    def location(self, url: str, password: str = PASSWORD) -> DatabaseLocation:
        return DatabaseLocation(Secret(url), self.folder / "local", Secret(password) if password else None)

    def set_password(self, password: str) -> None:
        with closing(psycopg.connect(f"{self.server.url}&port={self.port}", autocommit=True)) as connection:
            connection.execute(f"ALTER ROLE bridge PASSWORD '{password}'")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """A server with TLS; where PostgreSQL was built without it, one behind a proxy that has it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = make_authority(folder)
    with_tls = binaries(tls=True) is not None
    server = new_server(tls=with_tls)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    pair = owned(authority.issue("server", ("localhost",)), server.folder)
    client_ca = server.folder / "ca.crt"
    shutil.copy(authority.certificate, client_ca)
    settings = {"port": str(port), "hba_file": f"'{access(server.folder)}'"}
    if with_tls:
        settings |= {
            "listen_addresses": "'127.0.0.1'", "ssl": "on", "ssl_cert_file": f"'{pair.certificate}'",
            "ssl_key_file": f"'{pair.key}'", "ssl_ca_file": f"'{client_ca}'",
        }  # fmt: skip
    with ExitStack() as stack:
        server.create(settings)
        stack.callback(server.remove)
        with closing(psycopg.connect(f"{server.url}&port={port}", autocommit=True)) as connection:
            connection.execute(f"CREATE ROLE bridge LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            connection.execute("CREATE ROLE certified LOGIN SUPERUSER")
        through = port if with_tls else stack.enter_context(tls_proxy(server.folder / f".s.PGSQL.{port}", pair))
        found = TlsServer(server, port, authority, folder, through)
        open_to_write(found.location(found.url())).close()
        yield found


def owned(pair: Pair, folder: Path) -> Pair:
    """The pair in files that the server's user may read, and no other one."""
    copied = Pair(folder / "server.crt", folder / "server.key")
    shutil.copy(pair.certificate, copied.certificate)
    shutil.copy(pair.key, copied.key)
    copied.key.chmod(0o600)
    if not os.geteuid():
        os.chown(copied.key, pwd.getpwnam("nobody").pw_uid, -1)
    return copied


def access(folder: Path) -> Path:
    file = folder / "hba.conf"
    file.write_text(
        "local all tests trust\nlocal all all scram-sha-256\nhostssl all certified all cert\nhostssl all bridge all scram-sha-256\n",
        encoding="ascii",
    )
    return file


def test_the_server_is_verified(tls: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the authority in the url, or without one by those that SSL_CERT_FILE names."""
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    monkeypatch.setenv("HOME", str(tls.folder))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    open_to_read(tls.location(tls.url())).close()
    with pytest.raises(JournalError, match="certificate verify failed"):
        open_to_read(tls.location(tls.url(sslrootcert="")))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority.certificate))
    open_to_read(tls.location(tls.url(sslrootcert=""))).close()


def test_a_wrong_server_is_refused(tls: TlsServer) -> None:
    """The error says what is wrong, and what to do about it. It shows no password."""
    stranger = make_authority(tls.folder, "stranger").certificate
    cases = {
        tls.url(sslrootcert=stranger): ("certificate verify failed", "give the url sslrootcert=FILE"),
        tls.url(host="other.example"): ("does not match host name", "connect by a name of the server's certificate"),
        tls.url(sslrootcert=tls.folder / "none.crt"): ("root certificate file", "give the url sslrootcert=FILE"),
    }
    if tls.has_tls:
        cases |= {
            tls.url(sslmode="disable"): ("no pg_hba.conf entry", "hostssl lines need sslmode=require"),
            tls.url("certified"): ("client certificate", "give the url sslcert=FILE and sslkey=FILE"),
        }
    for url, (problem, remedy) in cases.items():
        with pytest.raises(JournalError) as raised:
            open_to_read(tls.location(url))
        assert problem in str(raised.value)
        assert remedy in str(raised.value)
        assert PASSWORD not in str(raised.value)


def test_a_client_certificate_replaces_the_password(tls: TlsServer) -> None:
    """Its common name is the role; one of another name is refused."""
    if not tls.has_tls:
        pytest.skip("needs a PostgreSQL that was built with TLS, such as Debian's: it is the server that checks this")
    own, other = tls.authority.issue("certified"), tls.authority.issue("other")
    for each in (own, other):
        each.key.chmod(0o600)
    open_to_read(tls.location(tls.url("certified", sslcert=own.certificate, sslkey=own.key), "")).close()
    with pytest.raises(JournalError, match="its common name must be the role"):
        open_to_read(tls.location(tls.url("certified", sslcert=other.certificate, sslkey=other.key), ""))


@pytest.mark.parametrize("is_in_url", [False, True])
def test_a_rotated_password_is_used_by_the_next_connection(tls: TlsServer, is_in_url: bool) -> None:
    """The file of the password, or of the whole url, is read again when a session was lost."""
    secret = tls.folder / "secret"

    def rotate(password: str) -> None:
        tls.set_password(password)
        secret.write_text(f"{tls.url()}&password={password}\n" if is_in_url else f"{password}\n", encoding="utf-8")

    rotate(PASSWORD)
    location = DatabaseLocation(
        Secret(secret.read_text(encoding="utf-8").strip() if is_in_url else tls.url()), tls.folder / "local",
        None if is_in_url else Secret(PASSWORD), secret if is_in_url else None, None if is_in_url else secret,
    )  # fmt: skip
    with closing(open_to_read(location)) as journal:
        rotate(ROTATED)
        with closing(psycopg.connect(f"{tls.server.url}&port={tls.port}", autocommit=True)) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bridge'")
        assert journal.history.alert_count() == 0
    tls.set_password(PASSWORD)
    with pytest.raises(JournalError, match="check the role's password, and the file"):
        open_to_read(location)
