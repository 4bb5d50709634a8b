"""The agent's door: how a command asks, how the agent hears it, and who may."""
