"""Files of any path: none hangs, none fills the memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.common.files.text_file import read_bounded, read_bounded_text


def test_an_endless_file_is_an_error() -> None:
    """As is one that is larger than allowed."""
    with pytest.raises(OSError, match="larger than 1000 bytes"):
        read_bounded(Path("/dev/zero"), 1000)


def test_a_pipe_without_a_writer_is_empty_and_one_with_a_writer_is_read(tmp_path: Path) -> None:
    """As ``check <(…)`` has it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_bounded(pipe) == b""
    read, write = os.pipe()
    os.write(write, b"a\r\nb\rc")
    os.close(write)
    assert read_bounded_text(Path(f"/dev/fd/{read}")) == "a\nb\nc"
    os.close(read)
