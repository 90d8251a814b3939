"""A thousand hot swaps under load: is a request lost, a connection refused, does memory grow?

    python -m experiments.swaps [--swaps 1000] [--modes interp,process] [--pythons 3.14,3.15]

`clients` checks every byte, `page` makes the page of results.
"""
