"""A thousand hot swaps under load: is a request lost, a connection refused, does memory grow?

    python -m experiments.swaps [--modes interp,process] [--pythons 3.14,3.15] [--resume FILE]

`clients` checks every byte, `trend` tells what a swap leaves behind, `page` makes the page of
results.
"""
