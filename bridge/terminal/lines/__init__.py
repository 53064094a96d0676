"""The lines that are typed: what shells read and paint, and what they announce."""
