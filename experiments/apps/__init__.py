"""Applications that the experiments serve."""
