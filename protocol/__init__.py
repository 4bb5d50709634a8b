"""Documents and machines: what is said, believed and refused, without I/O."""
