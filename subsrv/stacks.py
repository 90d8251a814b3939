"""What a worker is doing, in words: its tasks, and in a process of its own its threads."""

import asyncio
import io
import sys
import threading
import traceback


def describe(*, threads: bool) -> str:
    """The stack of each asyncio task but the caller's, and of each thread if `threads`.

    In one process, other interpreters' threads would be among them, and without a GIL their frames
    cannot be read while they run: so only where this worker is alone.
    """
    out = io.StringIO()
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not current]
    print(f"tasks: {len(tasks)}", file=out)
    for task in tasks:
        task.print_stack(file=out)
    if threads:
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            print(f"thread {names.get(ident, ident)}:", file=out)
            traceback.print_stack(frame, file=out)
    return out.getvalue()
