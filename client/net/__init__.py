"""The network edge: bytes in, bytes out, no decisions."""
