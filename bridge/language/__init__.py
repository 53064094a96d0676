"""The ``.route`` language: text to syntax tree to checked program, with diagnostics as values. Pure."""
