"""What survives a restart: one encrypted database and the key sheet beside it."""
