"""A missing library is reported with the command that installs it."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from bridge.channels.errors import ChannelError
from bridge.channels.native.shared.extras import require
from bridge.common.extras import install_command

PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = {name: needs for name, needs in PROJECT["project"]["optional-dependencies"].items() if name != "dev"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_names_this_python_and_the_requirements(extra: str) -> None:
    """With the versions of pyproject.toml, because an index need not have the package itself."""
    python, *words = shlex.split(install_command(extra))
    assert python == sys.executable
    assert words[:3] == ["-m", "pip", "install"]
    assert sorted(words[3:]) == sorted(normal(each) for each in EXTRAS[extra])


def normal(requirement: str) -> str:
    from packaging.requirements import Requirement

    return str(Requirement(requirement))


def test_a_missing_library_is_a_problem_of_the_channel() -> None:
    """An installed one is not."""
    require("json", "kafka")
    with pytest.raises(ChannelError, match=r"is not installed; run: .* -m pip install .*confluent-kafka"):
        require("no_such_library", "kafka")
