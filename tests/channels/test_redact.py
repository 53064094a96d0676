"""What of a channel's URL is blotted out, and what an operator must be able to read."""

from __future__ import annotations

from bridge.channels.redact import redacted, secrets_in


def test_a_token_is_blotted_out_wherever_it_stands() -> None:
    """In a path, a query or a password, as written and decoded."""
    secrets = secrets_in("json://robot:pa%2Fssword@far.example/token-abc?key=another-one")
    said = redacted("pa/ssword, pa%2Fssword, token-abc and another-one at far.example", secrets)
    assert said == "***, ***, *** and *** at far.example"


def test_a_place_on_this_machine_stays_readable() -> None:
    """A folder's name in a problem is what its reader needs."""
    assert secrets_in("file:///var/log/falco-bridge/archive.jsonl") == frozenset()
    assert secrets_in("exec:///usr/local/bin/page?arg=--quietly") == frozenset()
