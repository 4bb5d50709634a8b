"""The process that owns the vault of an unlocked terminal: its tasks and its line.

``process`` wires them together; ``terminal`` is what remains of it without a line, for
one command (``alone``).
"""
