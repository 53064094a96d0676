"""From the text of a scalar to the value that the schema declares: words of a choice, booleans, numbers and others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from bridge.common.secret import Secret
from bridge.config.reading.hints import choice_hint
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.keys import Key
from bridge.config.schema.parsing import VALUES

_LARGEST_NUMBER = 9
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Not those of a text of several lines."""
_NOT_ONE_LINE = re.compile(r"[\x00-\x1f\x7f]")
_BOOLEANS = {"true": True, "false": False}
_OTHER_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "1": "true", "false": "false", "no": "false",
                   "off": "false", "0": "false"}  # fmt: skip


def parse_plain(declared: Any, text: str, key: Key, folder: Path) -> Any:
    """The value of a scalar. Raises InvalidValueError."""
    if get_origin(declared) is Literal:
        if text not in get_args(declared):
            raise InvalidValueError(choice_hint(text, get_args(declared)))
        return text
    if declared is bool:
        if text not in _BOOLEANS:
            meant = _OTHER_BOOLEANS.get(text.lower(), "")
            raise InvalidValueError(f"write `{meant}`" if meant else "")
        return _BOOLEANS[text]
    if declared is int:
        assert key.least is not None
        assert key.most is not None
        if not re.fullmatch(rf"[0-9]{{1,{_LARGEST_NUMBER}}}", text) or not key.least <= int(text) <= key.most:
            raise InvalidValueError
        return int(text)
    if declared is str and _CONTROL.search(text):
        raise InvalidValueError("remove it", f"`{key.name}` contains a control character")
    if isinstance(declared, type) and issubclass(declared, Secret) and _NOT_ONE_LINE.search(text.strip()):
        raise InvalidValueError("write it on one line", f"`{key.name}` contains a line break or a control character")
    return VALUES[declared].parse(text, folder)


def expected_plain(declared: Any, key: Key) -> str:
    """What to write in place of an invalid scalar."""
    if get_origin(declared) is Literal:
        *others, last = get_args(declared)
        said = f"{', '.join(others)} or {last}" if others else last
    elif declared is bool:
        said = "true or false"
    elif declared is int:
        said = f"a whole number from {key.least} to {key.most}"
    else:
        said = VALUES[declared].expected
    return f"{said}, or {key.none_word}" if key.none_word else said
