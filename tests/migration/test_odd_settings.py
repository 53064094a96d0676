"""Configs of falcosidekick that people really have: odd YAML, misspelt names, colliding headers, lists from pods."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bridge.migration.falcosidekick.settings import UnreadableConfigError, read_settings
from bridge.migration.falcosidekick.texts import route_text
from bridge.migration.falcosidekick.translate import KNOWN, Translation, translate
from tests.migration.test_falcosidekick import problems


def imported(text: str) -> Translation:
    return translate(read_settings(text, KNOWN))


def channels_of(translation: Translation) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(translation.config)["channels"]
    return found


def said(text: str) -> str:
    return "\n".join(imported(text).differences)


def test_values_are_the_text_that_is_written() -> None:
    """As in falcosidekick: no date, no number of another base, no `NO` that becomes false; and names in lower case."""
    text = "customfields: {Country: NO, build: 0123, day: 2026-13-45, at: 12:30:45, big: %s, odd: .nan, none: ~, x: !!timestamp x, i: !!int y}"
    settings = read_settings(text % ("9" * 5000), KNOWN)
    assert settings.mapping("customfields") == {
        "country": "NO", "build": "0123", "day": "2026-13-45", "at": "12:30:45", "big": "9" * 5000, "odd": ".nan",
        "x": "x", "i": "y",
    }  # fmt: skip


@pytest.mark.parametrize("value", [r'"a\0b"', r'"\ud800"'])
def test_a_value_that_no_variable_can_have_is_an_error(value: str) -> None:
    """It names the setting."""
    with pytest.raises(UnreadableConfigError, match=r"`slack\.webhookurl` contains a character that is not text"):
        read_settings(f"slack: {{webhookurl: {value}}}", KNOWN)


def test_the_variables_of_a_pod_are_read_with_all_others() -> None:
    """Some are in lower case, some have several lines; a custom field may name another variable of the list."""
    text = (
        "http_proxy=http://proxy:1\n_=/usr/bin/env\nMOTD=first\n  second\nWEBHOOK_ADDRESS=http://receiver/x\n"
        "CUSTOMFIELDS=zone:%ZONE,plain:a\nZONE=eu 1\n"
    )
    translation = imported(text)
    assert channels_of(translation) == {"webhook": "webhook://receiver/x?format=falcosidekick"}
    assert yaml.safe_load(translation.config)["labels"] == {"zone": "${ZONE}", "plain": "a"}
    assert [(each.name, each.value) for each in translation.variables] == [("ZONE", "eu 1")]


def test_maps_of_alertmanager_are_kept() -> None:
    """Labels and headers may be written as mappings, and the endpoint may have a prefix."""
    translation = imported(
        "alertmanager: {hostport: 'http://am:9093', endpoint: /am/api/v2/alerts, extralabels: {team: s c}, "
        "customheaders: {X-Scope: secret}, extraannotations: {a: b}, customseveritymap: {debug: info}}"
    )
    assert channels_of(translation)["alertmanager"] == (
        "alertmanager://am:9093/am?:team=s%20c&+X-Scope=${ALERTMANAGER_X_SCOPE}"
    )
    assert "extraannotations" in "\n".join(translation.differences)
    assert "customseveritymap" in "\n".join(translation.differences)


def test_headers_never_share_a_variable() -> None:
    """Neither with each other nor with the login; otherwise one value would be sent for both."""
    translation = imported(
        "webhook: {address: 'http://x/?a=1&a=2+3', customheaders: {X-A: one, X_A: two}}\n"
        "loki: {hostport: 'loki:3100', user: me, apikey: k, customheaders: {User: other}}\n"
    )
    values = {each.name: each.value for each in translation.variables}
    urls = channels_of(translation)
    for name, value in values.items():
        urls = {channel: url.replace(f"${{{name}}}", value) for channel, url in urls.items()}
    assert urls == {
        "webhook": "webhook://x/?format=falcosidekick&-a=1&-a=2%203&+X-A=one&+X_A=two",
        "loki": "loki://me:k@loki:3100?+User=other",
    }


def test_short_tokens_in_paths_are_secrets_too() -> None:
    """Such as those of Zapier, or of hooks without digits. Names of functions and indexes are not."""
    for path in ("hooks/catch/1234567/bx3k9a1/", "hooks/AbCdEfGhIjKlMn", "x/" + "abcdefghijkl" * 3):
        assert path not in imported(f"webhook: {{address: 'https://hooks.example.com/{path}'}}").config
    assert "/function/on-alert-2.openfaas-fn" in imported("openfaas: {functionname: on-alert-2}").config


def test_misspelt_names_are_said_with_the_right_one() -> None:
    """Of outputs and of their settings, also where an output has no channel for that reason."""
    words = said(
        "slak: {webhookurl: a}\naws: {s4: {bucket: a}, checkidentity: true}\nteams: {webhook_url: 'https://x'}\n"
        "discord: {webhookurl: 'https://x', icno: a, maxconcurrentrequests: 1}\nkafka: {hostport: a}\n"
        "redis: {database: 0}\npolicyreport: {enabled: false, maxevents: 1000}\n"
    )
    for expected in (
        "slak: this is no output that is known; did you mean `slack`?",
        "aws.s4: this is no output that is known; did you mean `aws.s3`?",
        "teams: webhook_url: falcosidekick has no such setting; did you mean `webhookurl`?",
        "discord: icno: falcosidekick has no such setting; did you mean `icon`?",
        "kafka: no channel. `topic` has no value.",
    ):
        assert expected in words
    for fine in ("checkidentity", "maxconcurrentrequests", "redis", "policyreport"):
        assert fine not in words


def test_headers_that_a_channel_does_not_use_are_said() -> None:
    """Also where they are a mapping."""
    assert "telegram: customheaders: not used" in said(
        "telegram: {token: '1:a', chatid: -1, customheaders: {X-A: one}}"
    )


def test_settings_in_secrets_of_the_cluster_are_said() -> None:
    """The outputs in them would be lost without a word."""
    words = said("config: {existingSecret: creds, extraEnv: [{name: A}], webhook: {address: 'http://x'}}")
    assert "existingsecret: the settings in it are not read" in words
    assert "extraenv: the settings in it are not read" in words


def test_an_address_that_is_no_url_does_not_end_the_import() -> None:
    """The other outputs get their channels."""
    translation = imported("webhook: {address: 'http://[::1/x'}\ntalon: {address: 'http://talon:2803'}")
    assert translation.channels == ("talon",)
    assert "webhook: no channel. Its address is not a URL." in translation.differences


def test_the_listener_of_another_address_is_valid(tmp_path: Path) -> None:
    """IPv6 has brackets, which YAML takes for a list unless they are quoted. Private addresses of IPv6 may send."""
    for written in ("::1", "[::1]"):
        translation = imported(f"listenaddress: '{written}'\nlistenport: 0\nwebhook: {{address: 'http://x'}}")
        assert problems(translation, tmp_path) == []
        source = yaml.safe_load(translation.config)["sources"][0]
        assert source["http"] == "[::1]:0"
        assert "fc00::/7" in source["allow"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ .Rule }}. In {{ index .OutputFields `k8s.ns.name` }}: {{ .Tags }}", "%rule. In %k8s.ns.name: %tags"),
        ('{{ index .OutputFields "cluster" }}', "%label.cluster"),
        ("{{ .Rule }}s", None),
        ("{{ .Hostname }}.example.com", None),
        ('{{ index .OutputFields "nosuch" }}', None),
        ('{{ index .OutputFields "a.b" }}-c', None),
    ],
)
def test_a_text_says_what_the_template_says_or_is_left_out(template: str, text: str | None) -> None:
    """A letter after a value would make another field of it; a field that does not exist is an error of the route."""
    assert route_text(template, {"cluster"}) == text


def test_paths_of_mattermost_and_rocketchat() -> None:
    """A slash at the end is not the token; a path that is not possible is said."""
    translation = imported(
        "mattermost: {webhookurl: 'https://mm.example.com/hooks/abcdefghijklmnopqrstuvwxyz/'}\n"
        "rocketchat: {webhookurl: 'https://rc.example.com/chat/hooks/a/b'}\n"
    )
    assert channels_of(translation)["mattermost"] == "mmosts://mm.example.com/${MATTERMOST_TOKEN}"
    assert "rocketchat: the path /chat before /hooks/ cannot be set; use a host of its own for it" in (
        translation.differences
    )
