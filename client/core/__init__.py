"""Everything the terminal decides, without I/O, clock or randomness."""
