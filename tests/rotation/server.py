"""`holdfast`, with the file engine beside the built-in ones: what the tests' servers run."""

from __future__ import annotations

import sys

import holdfast.rotation.engines as built_in
from holdfast.testing import Server
from tests.rotation.file_engine import FUNCTION, FileEngine


class RotatingServer(Server):
    """A server that has the file engine."""

    command = (sys.executable, "-m", "tests.rotation.server")


if __name__ == "__main__":
    built_in.ENGINES = {**built_in.ENGINES, FUNCTION: FileEngine()}
    from holdfast.cli.main import main

    main()
