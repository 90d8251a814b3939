"""Measurements of the server: one question a module, each run as `python -m experiments.NAME`.

They import subsrv never the other way round, start it as a person would, and measure it from
outside. `experiments.harness` holds what they share.
"""
