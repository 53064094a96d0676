"""Test results as JUnit XML, which CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bridge.common.text import visible


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test and its failures, each a sentence with its place."""

    name: str
    path: str
    failures: tuple[str, ...]

    __test__ = False
    """Not a test of pytest's."""


def junit_xml(results: Sequence[TestResult]) -> bytes:
    """One test suite, in UTF-8. Control characters, which XML cannot contain, are written as escapes."""
    failed = sum(bool(result.failures) for result in results)
    suite = ET.Element("testsuite", name="falco-bridge", tests=str(len(results)), failures=str(failed), errors="0")
    for result in results:
        case = ET.SubElement(suite, "testcase", classname=visible(result.path), name=visible(result.name))
        if result.failures:
            failures = [visible(each) for each in result.failures]
            ET.SubElement(case, "failure", message=failures[0]).text = "\n".join(failures)
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="UTF-8", xml_declaration=True)
    return document + b"\n"
