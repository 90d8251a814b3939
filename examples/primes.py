"""What the example offloads: a function at the top of a module, found by its name."""


def count(limit: int) -> int:
    """How many primes are below `limit`."""
    if limit < 3:
        return 0
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return sum(sieve)
