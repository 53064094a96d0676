"""What people change about the routing of a running bridge: silences and incidents."""
