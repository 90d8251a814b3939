"""Are exits clean? Many starts and stops by mode and interpreter, and their exit statuses.

    python -m experiments.exits [--times 200] [--pythons 3.13,3.14,3.15,t] [--modes interp,...]

`--resume FILE` adds to what there is, up to `--times` of each; `page` makes the page of results.
"""
