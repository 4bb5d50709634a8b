"""The terminal: its core decides, its edges carry out."""
