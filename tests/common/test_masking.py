"""Masking of secrets in channel URLs."""

from __future__ import annotations

from bridge.common.masking import redacted, secrets_in


def test_a_token_is_masked_in_every_part_of_a_url() -> None:
    """In the path, the query or the password; as written and decoded."""
    secrets = secrets_in("json://robot:pa%2Fssword@far.example/token-abc?key=another-one")
    said = redacted("pa/ssword, pa%2Fssword, token-abc and another-one at far.example", secrets)
    assert said == "***, ***, *** and *** at far.example"


def test_a_token_in_place_of_the_host_is_a_secret() -> None:
    """Even if it contains dots. Host names and addresses are not masked: operators need them."""
    assert "1000.abcd1234.ef567890" in secrets_in("cliq://1000.abcd1234.ef567890/#channel")
    for host in ("hooks.example.com", "10.17.23.42", "xn--bcher-kva.example", "localhost", "mail.svc.cluster.local"):
        assert redacted(host, secrets_in(f"jsons://user:password@{host}:8443/x")) == host


def test_a_path_on_this_machine_is_not_masked() -> None:
    """Problems show the path of a file or a program."""
    assert secrets_in("file:///var/log/falco-bridge/archive.jsonl") == frozenset()
    assert secrets_in("exec:///usr/local/bin/page?arg=--quietly") == frozenset()
    assert secrets_in("syslog+tls://logs.example.org:6514?facility=local0") == frozenset()
