"""What a fault in one worker does to the others, by mode: a table of facts.

    python -m experiments.faults [--modes interp,nogil,thread,process] [--faults NAME,...]

`cases` names the faults, `trial` has one befall a server, `page` makes the page of results.
"""
