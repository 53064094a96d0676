"""The journal in PostgreSQL 15 or newer."""
