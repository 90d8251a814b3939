"""`python -m subsrv`: the command line."""

import sys

from subsrv.cli import main

if __name__ == "__main__":  # process workers import this module again, under another name
    sys.exit(main())
