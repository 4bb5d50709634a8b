"""What an auditor does: evidence, whole logs, and watching them."""
