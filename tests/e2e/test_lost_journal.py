"""A journal that is deleted or replaced under a running bridge."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request

import pytest

from tests.e2e.harness import Instance
from tests.e2e.test_listeners import start
from tests.support.builders import falco_json
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}


def post(port: int, number: int) -> int:
    """The status of the answer; 0 without one."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        falco_json(output=f"alert {number}", time=f"2026-03-04T05:06:0{number}Z"),
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def listening(instance: Instance) -> int:
    port = free_port()
    instance.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}"}], shutdown={"drain": "5s"})
    return port


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_nothing_is_acknowledged_any_more(instance: Instance, what: str) -> None:
    """Not one alert more, the bridge says so and exits for its restart; with the journal back nothing is missing.

    The courier, started again meanwhile, may have made a new file; and the log is deleted a moment after the file.
    """
    port = listening(instance)
    bridge = start(instance)
    assert post(port, 0) == 200
    files = [instance.folder / f"journal.db{suffix}" for suffix in ("", "-wal", "-shm")]
    saved = instance.folder / "saved"
    saved.mkdir()
    for each in files:
        each.rename(saved / each.name)
    if what == "replaced":
        for each in files:
            shutil.copyfile(saved / each.name, each)
    assert post(port, 1) in {503, 0}
    assert bridge.wait(60) == 1, instance.log
    assert re.search("journal.db(-wal)? was (deleted|replaced) while the bridge ran", instance.log), instance.log
    for each in files:
        each.unlink(missing_ok=True)
        (saved / each.name).rename(each)
    bridge = start(instance)
    assert post(port, 2) == 200
    instance.await_settled()
    assert instance.stop(bridge) == 0, instance.log
    assert {each.alert.output for each in instance.kept()} >= {"alert 0", "alert 2"}


def test_a_bridge_without_alerts_notices_too(instance: Instance) -> None:
    """Whether the courier, started again meanwhile, has made a new file or not."""
    listening(instance)
    bridge = start(instance)
    instance.journal_path.rename(instance.folder / "elsewhere")
    wait_until(lambda: bridge.poll() is not None, "the end of the bridge")
    assert bridge.returncode == 1
    assert re.search("(deleted|replaced) while the bridge ran", instance.log)
