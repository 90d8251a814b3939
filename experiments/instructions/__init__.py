"""How many instructions does a request take, and has a change made it dearer?

    python -m experiments.instructions [--only "asgi hello"] [--mode interp] [--write]

Time says little about a change of five per cent on a machine that is shared: instructions do not
depend on what else it does. A real worker runs under valgrind's callgrind, real sockets bring it
fixed requests (`traffic`), and the counts of each path are compared with those that are kept in
baseline.json for the same build of the interpreter and the same valgrind.

Only what the worker executes itself is counted: of a system call, that it was made. What caches
and the kernel make of it, `overhead` measures.
"""
