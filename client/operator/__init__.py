"""Founding and two-person changes: documents made, shown, signed."""
