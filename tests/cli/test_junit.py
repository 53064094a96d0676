"""JUnit XML is read back as it was meant, for any names of tests."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bridge.cli.printing.junit import TestResult, junit_xml


def test_results_are_read_back() -> None:
    """Names with quotes, markup and other scripts; every failure of a test, the first one as its message."""
    name = 'a "quoted" <b> & ]]> 日本'
    suite = ET.fromstring(
        junit_xml([TestResult("good", "a.route", ()), TestResult(name, "b.route", ("b.route:1:2: <x>", "second"))])
    )
    assert suite.attrib == {"name": "falco-bridge", "tests": "2", "failures": "1", "errors": "0"}
    good, bad = suite
    assert (good.attrib, len(good)) == ({"classname": "a.route", "name": "good"}, 0)
    assert bad.attrib == {"classname": "b.route", "name": name}
    assert (bad[0].get("message"), bad[0].text) == ("b.route:1:2: <x>", "b.route:1:2: <x>\nsecond")


def test_control_characters_are_written_as_escapes() -> None:
    """XML cannot contain them, so a parser would reject the whole report."""
    suite = ET.fromstring(junit_xml([TestResult("t\x08", "a\x00.route", ("is \x1b[31m", ""))]))
    assert (suite[0].get("name"), suite[0][0].text) == ("t\\x08", "is \\x1b[31m\n")
