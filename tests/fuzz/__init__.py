"""Coverage-guided fuzzing: `make fuzz`, or `python -m fuzz --help` with this folder's parent on
the path. Each target is a module with `check(data)`, which raises where a promise is broken.
"""
