"""A handler that computes in another isolate, while its worker goes on answering.

python -m subsrv --app-dir examples offload:app
curl http://127.0.0.1:8080/primes/200000
"""

import asyncio

import primes

from subsrv import Request, Response, isolate

#: The largest question that is answered.
MOST = 10_000_000


async def app(request: Request) -> Response | str:
    """/primes/N: how many primes there are below N. Anything else: hello."""
    _, _, number = request.path.rpartition("/primes/")
    if not number.isdecimal():
        return "Hello, world!\n"
    if len(number) > 8 or int(number) > MOST:
        return Response(f"at most {MOST}\n", status=400)
    try:
        async with asyncio.timeout(10):
            return f"{await isolate.run(primes.count, int(number))}\n"
    except TimeoutError:
        return Response("too long\n", status=503)
