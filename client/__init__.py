"""The reader and writer of messages: terminal, command line, operators' tools.

``core`` decides and does no I/O; ``vault`` keeps what survives a restart; ``net``
moves bytes; ``agent`` wires them together; ``answers`` says what is there, through
``door``; ``cli`` is what a person types.
"""
