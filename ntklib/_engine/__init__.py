"""How matrices of kernels are made: nothing here is public, nothing here knows a statement."""
