"""Kernels along a network: how the mass of an event thins out with distance.

Each integrates to 1 over a line on both sides of the event and is zero from the bandwidth on.
"""

from __future__ import annotations

import math
from typing import Final

from core.errors import InputError
from core.jit import compiled

__all__ = ["KERNELS", "evaluate_kernel", "get_kernel_code"]

KERNELS: Final = (
    "quartic",
    "epanechnikov",
    "triangular",
    "uniform",
    "gaussian",
    "tricube",
    "cosine",
)
SIGMAS: Final = 3.0  # the Gaussian has its standard deviation at a third of the bandwidth
GAUSSIAN_PEAK: Final = SIGMAS / math.sqrt(2 * math.pi) / math.erf(SIGMAS / math.sqrt(2))


def get_kernel_code(kernel: str) -> int:
    """Return the number by which compiled loops know a kernel.

    Raises
    ------
    InputError
        If there is no such kernel.
    """
    if kernel not in KERNELS:
        message = f"kernel {kernel!r} is not known; use one of: {', '.join(KERNELS)}."
        raise InputError(message)
    return KERNELS.index(kernel)


@compiled
def evaluate_kernel(code: int, distance: float, bandwidth: float) -> float:
    """Return K(d) = k(d/b)/b, the density of an event of weight 1 at a distance from it.

    Parameters
    ----------
    code
        From `get_kernel_code`.
    distance, bandwidth
        In one unit; the density is per that unit.

    Notes
    -----
    The Gaussian is cut at the bandwidth, three standard deviations, and scaled so that
    nothing is lost by that.
    """
    u = abs(distance) / bandwidth
    if u >= 1.0:
        return 0.0
    if code == 0:
        k = 0.9375 * (1.0 - u * u) ** 2
    elif code == 1:
        k = 0.75 * (1.0 - u * u)
    elif code == 2:
        k = 1.0 - u
    elif code == 3:
        k = 0.5
    elif code == 4:
        k = GAUSSIAN_PEAK * math.exp(-0.5 * (SIGMAS * u) ** 2)
    elif code == 5:
        k = 70.0 / 81.0 * (1.0 - u**3) ** 3
    else:
        k = 0.25 * math.pi * math.cos(0.5 * math.pi * u)
    return k / bandwidth
