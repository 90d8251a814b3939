"""The handler of cpu.py in a worker that never finds that it has too much to do.

With `--accept fair` such a worker shares out new connections only, and keeps those that rest. It
is no option of the server, since only this comparison has a use for it.
"""

from experiments.apps.cpu import asgi as asgi
from subsrv import fair

fair._OVERWORKED = 1001  # permille: more than there is
