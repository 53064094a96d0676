"""What a start imports, and when: listening comes first, and the operator API after the sources."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import bridge.daemon.start",
         ("structlog", "lark", "asyncio", "sqlite3", "grpc", "re2", "ahocorasick", "bridge.daemon.process")),
        ("import bridge.daemon.process", ("uvicorn", "starlette", "prometheus_client", "urllib3", "apprise", "grpc")),
        ("from bridge.cli.main import main; main(['--version'])", ("argparse", "typing", "pathlib", "re")),
    ],
)  # fmt: skip
def test_heavy_modules_are_imported_late(code: str, absent: tuple[str, ...]) -> None:
    """Each takes 10 to 300 ms."""
    code += f"\nimport sys\nfound = [name for name in {absent!r} if name in sys.modules]\nsys.exit(str(found) if found else 0)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
