"""What survives a restart of the relay."""
