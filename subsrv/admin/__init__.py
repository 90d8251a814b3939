"""A view of the server, and a hand on it: `--control`, and the commands that use it.

Runs in the supervisor, never in a worker: what the workers count, they count anyway.
"""
