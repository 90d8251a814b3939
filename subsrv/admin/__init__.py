"""A view of the server, and a hand on it: `--control`, and the commands that use it.

Runs in the supervisor, never in a worker: what the workers count, they count anyway.
"""

from collections.abc import Mapping

#: Its commands, and what they do.
COMMANDS: Mapping[str, str] = {
    "status": "show a running server and its workers",
    "top": "show them live",
    "reload": "have it load the application anew, in fresh workers",
    "scale": "give it another number of workers",
    "drain": "have one worker finish, and be replaced",
    "stacks": "show what its threads are doing",
}
