"""What an open terminal answers, by subject: one method per command, JSON in and out.

``commands`` answers about messages, ``upkeep`` about the terminal itself.  Times are
ISO 8601 in UTC.
"""
