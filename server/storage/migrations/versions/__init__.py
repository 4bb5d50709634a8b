"""One file for each version; the newest is what server/storage/tables.py says."""
