"""What the process adds to the courier: its settings, the channels that it opens or leases, its exit codes."""
