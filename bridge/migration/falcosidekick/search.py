"""The outputs for search engines: Elasticsearch, which OpenSearch users have as well, and Splunk."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from bridge.migration.falcosidekick.channel import (
    Channel,
    Variable,
    basic,
    header_parameters,
    headers_of,
    host_of,
    login_in,
    secret,
)
from bridge.migration.falcosidekick.settings import Settings

_SUFFIXES = {"daily": "-YYYY.MM.DD", "monthly": "-YYYY.MM", "annually": "-YYYY", "none": ""}
_HANDLED = ("type", "enablecompression", "numberofshards", "numberofreplicas", "maxconcurrentrequests")
"""Settings without a counterpart that change no document."""


def elasticsearch(settings: Settings) -> Channel:
    """The same documents in the same indexes; a repeat is not doubled."""
    get = settings.get
    address = get("elasticsearch.hostport")
    url = urlsplit(address if "://" in address else f"http://{address}")
    login, variables = basic(settings, "elasticsearch", "username", "password")
    if not login:
        login, variables = login_in("elasticsearch", url)
    index = get("elasticsearch.index", "falco")
    suffix = _SUFFIXES.get(get("elasticsearch.suffix", "daily"), _SUFFIXES["daily"])
    flat = any(
        settings.is_set(f"elasticsearch.{name}", default=False) for name in ("flattenfields", "createindextemplate")
    )
    parts = [f"index={index}{suffix}", "format=falcosidekick", *(() if flat else ("names=dotted",))]
    if settings.has("elasticsearch.apikey") and not login:
        key = secret("elasticsearch.apikey", get("elasticsearch.apikey"))
        parts.append(f"apikey=${{{key.name}}}")
        variables += (key,)
    if pipeline := get("elasticsearch.pipeline"):
        parts.append(f"-pipeline={quote(pipeline, safe='')}")
    headers, more = header_parameters("elasticsearch", headers_of(settings, "elasticsearch"), variables)
    for name in _HANDLED:
        settings.get(f"elasticsearch.{name}")
    notes = [] if flat else ["names with dots can conflict in an index; without `names=dotted` they have `_`"]
    if settings.is_set("elasticsearch.createindextemplate", default=False):
        notes.append("createindextemplate: the template stays as falcosidekick created it; the bridge creates none")
    scheme = "elasticsearchs" if url.scheme == "https" else "elasticsearch"
    where = f"{scheme}://{login}{host_of(url)}{url.path.rstrip('/')}"
    return Channel(f"{where}?{'&'.join([*parts, *headers])}", (*variables, *more), tuple(notes))


def splunk(settings: Settings) -> Channel:
    """The same events, in batches."""
    address = settings.get("splunk.host")
    url = urlsplit(address if "://" in address else f"https://{address}")
    token = secret("splunk.token", settings.get("splunk.token"))
    headers, more = header_parameters("splunk", headers_of(settings, "splunk"), [token])
    scheme = "splunkhecs" if url.scheme == "https" else "splunkhec"
    query = "&".join(["format=falcosidekick", "sourcetype=falcosidekick", *headers])
    variables: tuple[Variable, ...] = (token, *more)
    return Channel(f"{scheme}://${{{token.name}}}@{host_of(url)}{url.path.rstrip('/')}?{query}", variables)
