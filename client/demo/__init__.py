"""A small ministry on one machine: the real programs, started and watched.

The demo decides nothing and opens nothing: it types the commands that operators,
administrators and members type, in processes of their own, and reads what they
print.
"""
