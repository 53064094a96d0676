"""Writes the config's part of the Helm chart's values.schema.json: ``python docs/site/chart_schema.py``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bridge.config.json_schema import config_schema

SCHEMA = Path(__file__).parents[2] / "examples" / "helm" / "falco-bridge" / "values.schema.json"
WRITTEN_BY_THE_CHART = {"admin", "metrics", "acknowledge", "shutdown", "routes"}


def config_values() -> dict[str, Any]:
    """The schema of the value ``config``: that of falco-bridge.yaml without the keys that the chart writes."""
    properties = {
        name: value for name, value in config_schema()["properties"].items() if name not in WRITTEN_BY_THE_CHART
    }
    journal = next(each for each in properties["journal"]["anyOf"] if each.get("type") == "object")
    properties["journal"] = {key: journal[key] for key in ("type", "description", "additionalProperties")}
    properties["journal"]["properties"] = {
        name: value for name, value in journal["properties"].items() if name != "path"
    }
    console = next(each for each in properties["console"]["anyOf"] if each.get("type") == "object")
    properties["console"] = {key: console[key] for key in ("type", "description", "additionalProperties")}
    properties["console"]["properties"] = {
        name: value for name, value in console["properties"].items() if name not in {"listen", "socket", "public_url"}
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def main() -> int:
    """Write the schema; with ``--check``, only say whether it is current. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes the config's part of the Helm chart's values.schema.json.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if it is not current")
    args = parser.parse_args()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    current = schema["properties"]["config"] == config_values()
    if args.check:
        if not current:
            print(f"{SCHEMA} is not current; run `make docs`", file=sys.stderr)  # noqa: T201  # for make check
        return 0 if current else 1
    schema["properties"]["config"] = config_values()
    SCHEMA.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
