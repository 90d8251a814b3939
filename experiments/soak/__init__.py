"""Mixed traffic for minutes against each mode: does anything go wrong, stick, or grow?

    python -m experiments.soak [--seconds 300] [--modes interp,process,thread,nogil]

`traffic` has the clients, `watch` the looks at the server, `page` the page of results.
"""
