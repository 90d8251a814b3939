"""What the command lines have in common: a parser that tells what is wrong in one line."""

import argparse
from typing import NoReturn

from subsrv.errors import ConfigError


class Parser(argparse.ArgumentParser):
    """Raises what is wrong, where argparse would print the whole usage and leave."""

    def error(self, message: str) -> NoReturn:
        """ConfigError, whose exit status is 2."""
        raise ConfigError(f"{message} (try {self.prog} --help)")
