"""Pure functions over bytes: what is sealed, opened, signed and verified."""
