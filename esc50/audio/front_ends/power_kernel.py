"""The compiled half of `PowerSums`: frames side by side through window, transform, power, sums."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Weight = tuple[float, float]  # a complex number

LANES = 16  # frames transformed at a time: of 1,024 complex numbers each, they are 128 KiB
GROUP = 64  # frames added up at a time: their power is 256 KiB


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on the first call, or load what an earlier process compiled on this processor."""
    how: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **how)(function)
    except RuntimeError:  # there is no folder to keep it in
        return numba.njit(**how)(function)


@_compile
def add_up(
    samples: Floats,
    window: Floats,
    hop: int,
    twiddles: Floats,
    halved: bool,
    order: Integers,
    turns: Floats,
    starts: Integers,
    bins: Integers,
    weights: Floats,
    sums: Floats,
) -> None:
    """Fill `sums` (rows, T): each row the power at some bins of each frame, weighted, added up.

    Args:
        samples: float32 (n_samples,).
        window: float32 (n_fft,).
        hop: samples from one frame to the next.
        twiddles: float32 (n_fft // 2, 6): w, w^2, w^3, real and imaginary, of roots of unity.
        halved: whether n_fft // 2 is no power of 4, so that numbers are halved once.
        order: int64 (n_fft // 2,), where the transform leaves each number.
        turns: float32 (n_fft // 4 + 1, 2), what takes half-length transforms apart.
        starts: int64 (rows + 1,) or more, where the entries of each row begin.
        bins: int64 (entries,).
        weights: float32 (entries,).
        sums: float32 (rows, T), written.
    """
    size = len(window) // 2
    padded = np.zeros(size + (sums.shape[1] + LANES) * hop + size, np.float32)
    padded[size : size + len(samples)] = samples
    x = np.empty((size, 2, LANES), np.float32)
    power = np.empty((size + 1, GROUP // LANES, LANES), np.float32)
    row_power = power.reshape(size + 1, GROUP)
    totals = np.empty((len(sums), GROUP), np.float32)
    for first in range(0, sums.shape[1], GROUP):
        n = min(GROUP, sums.shape[1] - first)
        for offset in range(0, n, LANES):
            _frame(padded, (first + offset) * hop, hop, window, x)
            _transform(x, twiddles, halved)
            _square(x, order, turns, power, offset // LANES)
        totals[:] = 0
        for row in range(len(sums)):
            for entry in range(starts[row], starts[row + 1]):
                _add(totals, row, row_power, bins[entry], weights[entry])
            sums[row, first : first + n] = totals[row, :n]


@_compile
def _add(totals: Floats, row: int, power: Floats, column: int, weight: float) -> None:
    """Add the power at a bin, weighted, to a row."""
    for lane in range(GROUP):
        totals[row, lane] += weight * power[column, lane]


@_compile
def _frame(padded: Floats, start: int, hop: int, window: Floats, x: Floats) -> None:
    """Window the frames from a sample on, even samples as real numbers, odd ones as imaginary."""
    for number in range(len(x)):
        even, odd = window[2 * number], window[2 * number + 1]
        for lane in range(LANES):
            # Unsigned: an index that cannot be negative is not looked at twice.
            place = np.uint64(start + lane * hop + 2 * number)
            x[number, 0, lane] = padded[place] * even
            x[number, 1, lane] = padded[place + np.uint64(1)] * odd


@_compile
def _transform(x: Floats, twiddles: Floats, halved: bool) -> None:
    """Fourier transform in place, by fours (and once by two), into another order of numbers."""
    size = n = len(x)
    if halved:
        n = size // 2
        for p in range(n):
            _halve(x, p, p + n, twiddles[p, 0], twiddles[p, 1])
    while n > 1:
        quarter = n // 4
        for base in range(0, size, n):
            for p in range(quarter):
                w = p * (size // n)
                one, two = (twiddles[w, 0], twiddles[w, 1]), (twiddles[w, 2], twiddles[w, 3])
                _quarter(x, base + p, quarter, one, two, (twiddles[w, 4], twiddles[w, 5]))
        n = quarter


@_compile
def _halve(x: Floats, a: int, b: int, w_re: float, w_im: float) -> None:
    """Turn numbers a and b into their sum and their turned difference."""
    for lane in range(LANES):
        re, im = x[a, 0, lane] - x[b, 0, lane], x[a, 1, lane] - x[b, 1, lane]
        x[a, 0, lane] += x[b, 0, lane]
        x[a, 1, lane] += x[b, 1, lane]
        x[b, 0, lane] = w_re * re - w_im * im
        x[b, 1, lane] = w_re * im + w_im * re


@_compile
def _quarter(x: Floats, a: int, step: int, one: Weight, two: Weight, three: Weight) -> None:
    """Transform four numbers, `step` apart from a on, and turn them by w^2, w and w^3."""
    b, c, d = a + step, a + 2 * step, a + 3 * step
    for lane in range(LANES):
        even_re, even_im = x[a, 0, lane] + x[c, 0, lane], x[a, 1, lane] + x[c, 1, lane]
        odd_re, odd_im = x[b, 0, lane] + x[d, 0, lane], x[b, 1, lane] + x[d, 1, lane]
        cross_re, cross_im = x[a, 0, lane] - x[c, 0, lane], x[a, 1, lane] - x[c, 1, lane]
        turn_re, turn_im = x[b, 1, lane] - x[d, 1, lane], x[d, 0, lane] - x[b, 0, lane]
        x[a, 0, lane], x[a, 1, lane] = even_re + odd_re, even_im + odd_im
        re, im = even_re - odd_re, even_im - odd_im
        x[b, 0, lane], x[b, 1, lane] = two[0] * re - two[1] * im, two[0] * im + two[1] * re
        re, im = cross_re + turn_re, cross_im + turn_im
        x[c, 0, lane], x[c, 1, lane] = one[0] * re - one[1] * im, one[0] * im + one[1] * re
        re, im = cross_re - turn_re, cross_im - turn_im
        x[d, 0, lane], x[d, 1, lane] = three[0] * re - three[1] * im, three[0] * im + three[1] * re


@_compile
def _square(x: Floats, order: Integers, turns: Floats, power: Floats, part: int) -> None:
    """Power at each bin: halves of a complex transform are put together to that of real numbers."""
    size = len(x)
    for lane in range(LANES):
        power[0, part, lane] = (x[0, 0, lane] + x[0, 1, lane]) ** 2
        power[size, part, lane] = (x[0, 0, lane] - x[0, 1, lane]) ** 2
    for low in range(1, size // 2 + 1):
        high = size - low
        i, j, re, im = order[low], order[high], turns[low, 0], turns[low, 1]
        for lane in range(LANES):
            even_re, even_im = x[i, 0, lane] + x[j, 0, lane], x[i, 1, lane] - x[j, 1, lane]
            odd_re, odd_im = x[i, 1, lane] + x[j, 1, lane], x[j, 0, lane] - x[i, 0, lane]
            turned_re, turned_im = re * odd_re - im * odd_im, re * odd_im + im * odd_re
            sum_re, sum_im = even_re + turned_re, even_im + turned_im
            power[low, part, lane] = 0.25 * (sum_re * sum_re + sum_im * sum_im)
            sum_re, sum_im = even_re - turned_re, even_im - turned_im
            power[high, part, lane] = 0.25 * (sum_re * sum_re + sum_im * sum_im)
