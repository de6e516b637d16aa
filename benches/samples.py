"""Medians and quartiles, ratios and their mean."""

import math
import statistics
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of samples, and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(samples: list[float]) -> Spread:
    """Returns median and quartiles; of a single sample, that."""
    if len(samples) < 2:
        return Spread(samples[0], samples[0], samples[0])
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(baseline: list[float], ours: list[float]) -> Spread:
    """Returns how many times faster ours is: the ratio of the medians.

    Its quartiles are those of the ratios round by round, where both sides were measured next to
    each other.
    """
    pairs = spread([theirs / own for theirs, own in zip(baseline, ours, strict=True)])
    middle = statistics.median(baseline) / statistics.median(ours)
    return Spread(middle, min(pairs.low, middle), max(pairs.high, middle))


def geometric_mean(ratios: list[float]) -> float:
    """Returns the mean that does not depend on which side is divided by which."""
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))
