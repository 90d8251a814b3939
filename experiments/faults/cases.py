"""The faults: what the application does, and which test holds what comes of it."""

from dataclasses import dataclass

_CONTRACT = "tests/contract/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a worker fails.

    Attributes:
      name: its path in `experiments.apps.faulty`.
      title: for people.
      tests: those that hold the facts, FILE::FUNCTION.
      seconds: for which the other worker is observed from then on.
      limited: the process gets only so much more memory (bytes) beforehand.
    """

    name: str
    title: str
    tests: tuple[str, ...]
    seconds: float = 1.5
    limited: int = 0


# Longer than a worker may hang, and both attempts to rescue it.
_HANGS = 4.5

_HERE = f"{_CONTRACT}test_faults.py::"
_ENDS = (f"{_HERE}test_what_ends_a_process_ends_one_worker_or_all",)
_LEAVES = (
    f"{_CONTRACT}test_raising.py::test_leaving_ends_the_worker",
    f"{_CONTRACT}test_workers.py::test_a_worker_that_an_application_ends_is_replaced",
)
_COSTS_ONE = (f"{_CONTRACT}test_raising.py::test_out_of_stack_or_memory_costs_one_request",)
_SPINS = (f"{_CONTRACT}test_hang.py::test_a_request_that_hangs_is_ended_and_the_others_are_not",)
_LOCKED = (
    f"{_CONTRACT}test_hang.py::test_a_lock_that_never_comes_free_is_broken_off_in_a_process",
    "tests/test_hang.py::test_too_many_of_them_end_the_server_if_it_may",
)
_HOLDS = (
    "tests/test_hang.py::test_one_that_hangs_in_c_is_killed_or_left_behind",
    f"{_HERE}test_what_holds_the_gil_stops_all_threads",
)

_ALL = (
    Fault(name="exit", title="`os._exit(3)`", tests=_ENDS),
    Fault(name="segv", title="a crash (SIGSEGV)", tests=_ENDS),
    Fault(name="abort", title="`os.abort()`", tests=_ENDS),
    Fault(name="kill", title="SIGKILL, as from the out-of-memory killer", tests=_ENDS),
    Fault(name="leave", title="`sys.exit()` in a request", tests=_LEAVES),
    Fault(name="interrupt", title="KeyboardInterrupt in a request", tests=_LEAVES),
    Fault(
        name="stop",
        title="`loop.stop()`",
        tests=(f"{_HERE}test_a_loop_that_stops_ends_its_worker_alone",),
    ),
    Fault(name="recursion", title="endless recursion", tests=_COSTS_ONE),
    Fault(name="memory", title="a MemoryError", tests=_COSTS_ONE),
    Fault(
        name="hoard",
        title="all memory taken for a second",
        tests=(f"{_HERE}test_without_memory_a_worker_ends_and_gives_it_back",),
        limited=64 << 20,
    ),
    Fault(
        name="startup",
        title="a start-up that fails once",
        tests=(f"{_HERE}test_a_start_up_that_fails_is_tried_again",),
        seconds=2.0,
    ),
    Fault(name="spin", title="a hang in Python", tests=_SPINS, seconds=_HANGS),
    Fault(name="lock", title="a hang in C without the GIL (a lock)", tests=_LOCKED, seconds=_HANGS),
    Fault(name="regex", title="a hang in C with the GIL (a regex)", tests=_HOLDS, seconds=_HANGS),
)

#: By name, in the order of the page.
FAULTS = {fault.name: fault for fault in _ALL}
