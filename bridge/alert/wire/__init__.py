"""Falco's messages as protobuf classes, generated from ``proto/`` by ``proto/generate.sh``; not edited by hand."""
