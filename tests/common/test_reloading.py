"""An object made from files is made again when they change, and only from files that can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.common.errors import SetupError
from bridge.common.files import reloading
from bridge.common.files.reloading import Reloading


@pytest.fixture(autouse=True)
def _every_use_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.0)


def pair(folder: Path) -> Reloading[str]:
    """Usable while both files say the same, as a certificate and its key do."""
    files = [folder / "cert", folder / "key"]

    def make() -> str:
        texts = {path.read_text("utf-8") for path in files}
        if len(texts) != 1:
            raise SetupError("cert and key do not belong together")
        return texts.pop()

    return Reloading("edge", files, make)


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_both_files_are_used_once_they_belong_together(tmp_path: Path) -> None:
    """One file after the other is a rotation, not an error."""
    write(tmp_path, cert="first", key="first")
    reloaded = pair(tmp_path)
    with capture_logs() as logs:
        assert reloaded.current() == "first"
        write(tmp_path, cert="second")
        assert reloaded.current() == "first"
        write(tmp_path, key="second")
        assert reloaded.current() == "second"
    assert [each["event"] for each in logs] == ["certificates reloaded"]


def test_files_that_stay_unusable_are_reported_once(tmp_path: Path) -> None:
    """The previous object stays in use."""
    write(tmp_path, cert="first", key="first")
    reloaded = pair(tmp_path)
    write(tmp_path, cert="another")
    with capture_logs() as logs:
        assert {reloaded.current() for _ in range(5)} == {"first"}
    assert [(each["event"], each["problem"]) for each in logs] == [
        ("new certificates rejected; keeping the previous ones", "cert and key do not belong together")
    ]


def test_the_object_stays_the_same_while_the_files_do(tmp_path: Path) -> None:
    """Connections compare it."""
    write(tmp_path, cert="first", key="first")
    reloaded = pair(tmp_path)
    assert reloaded.current() is reloaded.current()


def test_files_that_cannot_be_used_at_the_start_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, cert="first", key="other")
    with pytest.raises(SetupError, match="do not belong together"):
        pair(tmp_path)
