"""Changed files are noticed however they are changed: in place, by rename, by a swapped link, by deletion."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.common.files import file_watch
from bridge.common.files.file_watch import FilesWatcher, fingerprint
from tests.support.limits import no_descriptors
from tests.support.waiting import wait_until


def kubernetes_volume(folder: Path, content: str) -> Path:
    """A mounted secret: ``token`` → ``..data/token``, and ``..data`` → a folder of the moment."""
    (folder / "..first").mkdir(parents=True)
    (folder / "..first" / "token").write_text(content, encoding="utf-8")
    (folder / "..data").symlink_to("..first")
    (folder / "token").symlink_to("..data/token")
    return folder / "token"


def swap(folder: Path, content: str) -> None:
    """As kubelet updates it: a new folder, and ``..data`` replaced by one rename."""
    (folder / "..second").mkdir()
    (folder / "..second" / "token").write_text(content, encoding="utf-8")
    (folder / "..data_tmp").symlink_to("..second")
    (folder / "..data_tmp").rename(folder / "..data")


def rename(path: Path) -> None:
    path.with_name("new").write_text("other", encoding="utf-8")
    path.with_name("new").rename(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "rewritten": lambda path: path.write_text("second", encoding="utf-8"),
    "renamed": rename,
    "deleted": Path.unlink,
    "a link in its place": lambda path: (path.unlink(), path.symlink_to("/dev/null")),
    "same size, other time": lambda path: os.utime(path, (1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_changes_with_the_file(tmp_path: Path, change: str) -> None:
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    before = fingerprint([path])
    assert fingerprint([path]) == before
    CHANGES[change](path)
    assert fingerprint([path]) != before


def test_a_swap_of_kubernetes_changes_the_fingerprint(tmp_path: Path) -> None:
    """Also where the new content has the same size."""
    path = kubernetes_volume(tmp_path / "v", "first!")
    before = fingerprint([path])
    swap(tmp_path / "v", "second")
    assert path.read_text("utf-8") == "second"
    assert fingerprint([path]) != before


@contextmanager
def watching(*paths: Path) -> Iterator[list[str]]:
    """The contents at each call of a watcher; what is missing is empty."""
    calls: list[str] = []

    def note() -> None:
        calls.append(" ".join(path.read_text("utf-8") if path.exists() else "" for path in paths))

    watcher = FilesWatcher(lambda: paths, note, name="test")
    watcher.start()
    try:
        yield calls
    finally:
        watcher.close()


@pytest.mark.parametrize("poll_seconds", [0.02, 60.0], ids=["by polling", "by inotify"])
def test_the_watcher_reports_a_swapped_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poll_seconds: float
) -> None:
    """The kernel reports it; where it cannot, polling finds it."""
    monkeypatch.setattr(file_watch, "_POLL_SECONDS", poll_seconds)
    if poll_seconds < 1:
        monkeypatch.setattr(file_watch, "Inotify", _no_inotify)
    path = kubernetes_volume(tmp_path / "v", "first")
    with watching(path) as calls:
        wait_until(lambda: "watch test" in {thread.name for thread in threading.enumerate()}, "the thread")
        swap(tmp_path / "v", "second")
        wait_until(lambda: calls and calls[-1] == "second", "the swap")


def _no_inotify() -> None:
    raise OSError(24, "no instance is left")


def test_the_watcher_reports_a_file_that_is_missing_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted, and created again with another content."""
    monkeypatch.setattr(file_watch, "_POLL_SECONDS", 0.02)
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    with watching(path) as calls:
        path.unlink()
        wait_until(lambda: calls == [""], "the deletion")
        path.write_text("second", encoding="utf-8")
        wait_until(lambda: calls[-1] == "second", "the new file")


def test_a_change_between_creation_and_start_is_reported(tmp_path: Path) -> None:
    """The config was read before the watcher starts."""
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    called = threading.Event()
    watcher = FilesWatcher(lambda: [path], called.set, name="test")
    path.write_text("second", encoding="utf-8")
    watcher.start()
    assert called.wait(60)
    watcher.close()


def test_a_machine_without_descriptors_is_watched_once_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged once. What changed meanwhile is reported."""
    monkeypatch.setattr(file_watch, "_AGAIN_SECONDS", 0.01)
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    tries = counting(monkeypatch)
    with capture_logs() as logs:
        watcher = FilesWatcher(lambda: [path], (called := threading.Event()).set, name="test")
        os.utime(path, (1, 1))
        with no_descriptors():
            watcher.start()
            wait_until(lambda: len(tries) >= 3, "further tries")
        assert called.wait(60)
        watcher.close()
    assert [each["problem"] for each in logs if "not watched" in each["event"]] == ["Too many open files"]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names for which a watch was made, or was tried to be made."""
    names: list[str] = []

    class Counted(file_watch.FileWatch):
        def __init__(self, source: str) -> None:
            names.append(source)
            super().__init__(source)

    monkeypatch.setattr(file_watch, "FileWatch", Counted)
    return names


def test_a_change_whose_report_failed_is_reported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the folder of the routes cannot be listed."""
    monkeypatch.setattr(file_watch, "_AGAIN_SECONDS", 0.01)
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    calls: list[int] = []

    def fail_first() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(24, "Too many open files")

    watcher = FilesWatcher(lambda: [path], fail_first, name="test")
    path.write_text("second", encoding="utf-8")
    watcher.start()
    wait_until(lambda: len(calls) == 2, "the second report")
    watcher.close()
    assert len(calls) == 2


def test_a_closed_watcher_reports_nothing_and_leaves_no_thread(tmp_path: Path) -> None:
    """Its thread has ended."""
    path = tmp_path / "f"
    path.write_text("first", encoding="utf-8")
    with watching(path) as calls:
        pass
    rename(path)
    assert calls == []
    assert "watch test" not in {thread.name for thread in threading.enumerate()}


def test_files_that_are_named_later_are_watched_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config that was read again may name others; naming them counts as a change."""
    monkeypatch.setattr(file_watch, "_POLL_SECONDS", 0.02)
    first, second = tmp_path / "a", tmp_path / "b"
    for each in (first, second):
        each.write_text("1", encoding="utf-8")
    paths, calls = [first], []
    watcher = FilesWatcher(lambda: paths, lambda: calls.append(second.read_text("utf-8")), name="test")
    watcher.start()
    paths.append(second)
    wait_until(lambda: calls == ["1"], "the new list")
    second.write_text("22", encoding="utf-8")
    wait_until(lambda: calls[-1] == "22", "the change")
    watcher.close()
