"""Write the synthetic sample: `python -m sample --out data`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sample.write import DEFAULT_SEED, write_sample

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Read the options and write the sample; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sample", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--seed", type=_seed, default=DEFAULT_SEED, help="0 or a greater number")
    parser.add_argument("--no-hotspots", action="store_true", help="plant none")
    options = parser.parse_args(arguments)
    try:
        write_sample(options.out, seed=options.seed, with_hotspots=not options.no_hotspots)
    except OSError as error:
        reason = error.strerror or str(error)
        sys.stderr.write(f"error: {options.out}: cannot be written: {reason}; choose another.\n")
        return 1
    return 0


def _seed(text: str) -> int:
    """Read a seed; argparse turns the error into one of usage."""
    if not text.isdecimal():
        message = f"{text!r} is not a whole number from 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
