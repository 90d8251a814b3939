"""Applications that the contract's servers serve."""
