"""The independent cosigner: own state, own process, own command."""
