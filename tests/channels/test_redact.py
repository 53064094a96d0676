"""What of a channel's URL is blotted out, and what an operator must be able to read."""

from __future__ import annotations

from bridge.common.masking import redacted, secrets_in


def test_a_token_is_blotted_out_wherever_it_stands() -> None:
    """In a path, a query or a password, as written and decoded."""
    secrets = secrets_in("json://robot:pa%2Fssword@far.example/token-abc?key=another-one")
    said = redacted("pa/ssword, pa%2Fssword, token-abc and another-one at far.example", secrets)
    assert said == "***, ***, *** and *** at far.example"


def test_a_token_in_the_hosts_place_is_one_though_it_has_dots() -> None:
    """A name in DNS and an address stay: they are what an operator looks for."""
    assert "1000.abcd1234.ef567890" in secrets_in("cliq://1000.abcd1234.ef567890/#channel")
    for host in ("hooks.example.com", "10.17.23.42", "xn--bcher-kva.example", "localhost", "mail.svc.cluster.local"):
        assert redacted(host, secrets_in(f"jsons://user:password@{host}:8443/x")) == host


def test_a_place_on_this_machine_stays_readable() -> None:
    """A folder's name in a problem is what its reader needs."""
    assert secrets_in("file:///var/log/falco-bridge/archive.jsonl") == frozenset()
    assert secrets_in("exec:///usr/local/bin/page?arg=--quietly") == frozenset()
