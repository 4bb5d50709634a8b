"""Evidence bundles: one file that proves to a stranger who sent what, and when.

:mod:`.bundle` is what stands in it, :mod:`.check` what it is worth
(docs/spec/evidence.md).
"""
