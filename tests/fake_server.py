"""A supervisor over fake workers, as a program: fake_server.py '{"mode": "thread", ...}'."""

import json
import sys

from subsrv import backends, logs
from subsrv.config import Config
from subsrv.errors import SubsrvError
from subsrv.supervisor import Supervisor


def main() -> int:
    config = Config(**json.loads(sys.argv[1]))
    logs.configure(config.log_level)
    backend = backends.create(config, entry="fake_worker:run_worker")
    try:
        return Supervisor(
            config, on_ready=lambda info: print(info, flush=True), backend=backend
        ).run()
    except SubsrvError as error:
        print(f"subsrv: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main())
