"""The tables of a journal in PostgreSQL, and their migrations."""
