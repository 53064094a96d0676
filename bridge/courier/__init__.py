"""The courier: a process of its own that claims deliveries, sends them and settles them."""
