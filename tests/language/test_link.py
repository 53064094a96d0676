"""Links: an alert's values never change where a link leads."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.language.program.link import MAX_URL, MAX_VALUE, Link, template_problem, url_problem
from tests.channels.hostile import CORPUS

TEMPLATE = "https://logs.example:8443/a/%pod/b?u=%user&x=%%41#%toupper(user)"


@given(st.text(max_size=400), st.text(max_size=400) | st.sampled_from(sorted(CORPUS.values())))
def test_host_and_parts_are_those_of_the_route(pod: str, user: str) -> None:
    """For any values: scheme, host, the number of path segments and the query's names stay."""
    url = Link("x", TEMPLATE).filled({"pod": pod, "user": user}.get)
    if url is None:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "logs.example:8443")
    first, second, segment, last = parts.path.split("/")
    assert (first, second, last) == ("", "a", "b")
    assert unquote(segment, errors="replace").replace("\ufffd", "?") == pod.encode("utf-8", "replace").decode()
    assert segment.strip(".")
    assert [each.partition("=")[0] for each in parts.query.split("&")] == ["u", "x"]
    assert url_problem(url) == ""


@pytest.mark.parametrize("value", ["", ".", "..", "...", "<NA>", None, "x" * (MAX_VALUE + 1)])
def test_a_link_without_a_usable_value_is_left_out(value: str | None) -> None:
    """Missing, too long, or a path segment that leads elsewhere."""
    assert Link("x", "https://a.example/%pod/c").filled({"pod": value}.get) is None


def test_a_url_is_never_longer_than_its_limit() -> None:
    """It would be cut otherwise."""
    template = "https://a.example/" + "%pod" * 10
    assert Link("x", template).filled({"pod": "ä" * 100}.get) is None
    assert len(Link("x", template).filled({"pod": "ä"}.get) or "") < MAX_URL


@pytest.mark.parametrize(
    ("value", "url"),
    [("https://wiki.example/a", "https://wiki.example/a"), ("javascript:x", None), ("https://a b", None), ("", None)],
)
def test_a_column_is_a_whole_url(value: str, url: str | None) -> None:
    """Checked again when the message is made."""
    assert Link("x", "%owners.runbook").filled({"owners.runbook": value}.get) == url


@pytest.mark.parametrize(
    "url",
    ["https://%h/", "https://a.%h/", "https://a.example%h", "https://a.example:%h/", "%h", "%h://a.example/", "//a/%h",
     "https://a.example@%h/", "https://a.example\\%h", "https:/a.example/%h", "ftp://a.example/", "https://a.example/%9h",
     "https://a.example/\n%h", "https://a.example/(x)", "https://.a/"],
)  # fmt: skip
def test_a_url_whose_host_is_not_fixed_is_an_error(url: str) -> None:
    """Also what a browser might read as a host."""
    assert template_problem(url)


@pytest.mark.parametrize("url", ["https://a.example", "http://10.0.0.1:3000/?q=%h", "https://a.example#%h", TEMPLATE])
def test_a_url_with_a_fixed_host_is_valid(url: str) -> None:
    """With and without values."""
    assert template_problem(url) == ""
