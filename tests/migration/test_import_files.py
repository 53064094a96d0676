"""The files that ``import`` writes: what is in the way, and what is in the file of the variables."""

from __future__ import annotations

from pathlib import Path

from tests.migration.test_falcosidekick import run


def test_files_that_are_in_the_way(tmp_path: Path) -> None:
    """Nothing but a plain file is overwritten, the two files are not the same, and the error names the file."""
    (tmp_path / "c.yaml").write_text("webhook: {address: 'http://x'}", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for env_file, words in (
        ("folder", "folder is not a file"),
        ("falco-bridge.yaml", "is a file of the config"),
        ("nowhere/x.env", "nowhere/x.env: No such file or directory"),
    ):
        done = run("c.yaml", "--env-file", env_file, "--force", folder=tmp_path)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_a_variable_without_a_value_is_no_empty_one(tmp_path: Path) -> None:
    """It is a comment in the file of the variables, and the check says that it is missing."""
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfWEBHOOK_ADDRESS=http://x/a0b1c2d3\nCUSTOMFIELDS=a:%NOWHERE_SET\n")
    done = run("c.yaml", "--env-file", "x.env", folder=tmp_path)
    assert done.returncode == 1
    assert "the environment has no NOWHERE_SET" in done.stdout
    assert (tmp_path / "x.env").read_text(encoding="utf-8") == (
        "WEBHOOK_PATH=a0b1c2d3\n# NOWHERE_SET=  `a` of `customfields`\n"
    )
