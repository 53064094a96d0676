"""How the config, the routes and the secrets of a running bridge are replaced."""
