"""`subsrv check`: will an application run on isolates, and if not, what stands in its way?

Every trial is a process of its own, which may crash or hang (`trial.py`, started by `process.py`).
In it the application is served as the server would serve it, while `watch.py` reports each
extension module that is loaded. `study.py` decides what to try, `verdict.py` what it means.
"""
