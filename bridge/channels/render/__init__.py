"""One message, a form for each family of services. Pure: a message in, the bytes' content out, everything escaped."""
