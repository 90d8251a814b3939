"""The sections of the benchmark: each a module with `run`, `tables` and `targets`."""
