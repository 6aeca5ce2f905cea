"""Run a generator in another process, which works on while its values are used here.

The other process is a plain Python that is told what to run over a pipe. It neither imports
the main module again (Streamlit's is a page) nor inherits threads or database connections,
and it ends by itself when nobody reads what it writes: killed or not, nothing stays behind.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import IO, ParamSpec, TypeVar

from core.errors import DataSourceError
from core.memory import collector_paused

__all__ = ["read_ahead"]

P = ParamSpec("P")
T = TypeVar("T")
VALUE, DONE, FAILED = range(3)


def read_ahead(
    generate: Callable[P, Iterator[T]], *args: P.args, **kwargs: P.kwargs
) -> Iterator[T]:
    """Yield what a generator function yields, made in another process.

    Parameters
    ----------
    generate
        A function of a module, with arguments and values that can be pickled.

    Raises
    ------
    DataSourceError
        If the process ends before the generator does, as when memory runs out.
    Exception
        What the generator raises is raised here.
    """
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    worker = subprocess.Popen(  # our own interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its errors come as values
        env={**os.environ, "PYTHONPATH": paths},
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            try:
                pickle.dump((generate, args, kwargs), worker.stdin, pickle.HIGHEST_PROTOCOL)
                worker.stdin.close()
                yield from _take(worker.stdout)
            except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
                message = (
                    "the process that reads the file ended early, perhaps for want of memory; "
                    "nothing was kept: close other programs, then try again."
                )
                raise DataSourceError(message) from error
        finally:
            worker.kill()


def _take(stream: IO[bytes]) -> Iterator[T]:
    while True:
        what, value = pickle.load(stream)
        if what == DONE:
            return
        if what == FAILED:
            raise value
        yield value


def main() -> None:
    """Run the generator that standard input tells of; write its values to standard output."""
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no value
    generate, args, kwargs = pickle.load(sys.stdin.buffer)

    def send(what: int, value: object) -> None:
        pickle.dump((what, value), target, pickle.HIGHEST_PROTOCOL)
        target.flush()

    try:
        with collector_paused():
            for value in generate(*args, **kwargs):
                send(VALUE, value)
        send(DONE, None)
    except BrokenPipeError:  # nobody wants the rest
        os._exit(0)
    except Exception as error:  # raised where the values are used
        send(FAILED, error)


if __name__ == "__main__":
    main()
