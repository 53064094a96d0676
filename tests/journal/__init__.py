"""Tests of the journal: one suite that every engine passes, and what is particular to SQLite."""

import pytest

pytest.register_assert_rewrite("tests.journal.conformance", "tests.journal.engine")
