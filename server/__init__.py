"""The relay and the witness: they store, forward and log what they cannot read."""
