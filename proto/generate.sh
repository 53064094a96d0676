#!/usr/bin/env bash
# Generates bridge/alert/wire/*_pb2.py and .pyi from proto/*.proto. With --check, reports whether they are up to date.
# Uses the oldest supported grpcio-tools, so that every supported protobuf version can load the stubs.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TOOLS='grpcio-tools==1.63.2'
readonly PROTOBUF='protobuf==5.26.1'
readonly PACKAGE=bridge/alert/wire
readonly VENV=.venv-stubs
readonly READY="$VENV/.ready-$TOOLS-$PROTOBUF"

prepare() {
  [ -e "$READY" ] && return
  local python=python3
  [ -x .venv/bin/python ] && python=.venv/bin/python
  "$python" -m venv --clear "$VENV"
  "$VENV/bin/python" -m pip install --quiet "$TOOLS" "$PROTOBUF"
  touch "$READY"
}

generate() { # into the folder $1
  "$VENV/bin/python" -m grpc_tools.protoc -I"$PACKAGE=proto" --python_out="$1" --pyi_out="$1" \
    "$PACKAGE"/{schema,outputs,version,tolerant}.proto
}

check() {
  local fresh file stale=0
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' RETURN
  generate "$fresh"
  for file in "$fresh/$PACKAGE"/*_pb2.py* "$PACKAGE"/*_pb2.py*; do
    diff -u "$PACKAGE/$(basename "$file")" "$fresh/$PACKAGE/$(basename "$file")" || stale=1
  done
  [ "$stale" = 0 ] || echo "The stubs in $PACKAGE are out of date: run proto/generate.sh and commit the result." >&2
  return "$stale"
}

prepare
case "${1:-}" in
  '') generate . ;;
  --check) check ;;
  *) echo "usage: proto/generate.sh [--check]" >&2; exit 2 ;;
esac
