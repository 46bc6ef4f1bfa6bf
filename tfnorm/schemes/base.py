# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every scheme has, and what the fitted ones share."""

import abc
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import errors
from tfnorm.schemes import placeholder

ZERO_SCALE_POLICIES = ("one", "raise")
# A deviation this small beside the mean is noise of the last bit of float64.
NOISE = 2.0**-52
# Of a scale, how far off a centre may be.
_RESOLVED = 2.0**-10


class Scheme(abc.ABC):
    """Turns a statistic into a bijector.

    `requires` names the statistics that `fit` reads: "moments", "extrema",
    "quantiles", "comoments". `fitted_on_data` is false where `fit` reads none.
    `monotone` is true where the fitted map rises or falls everywhere, feature by
    feature.
    `separable` is true where each kept element is fitted by its own statistics,
    whatever those of others are, so that the groups of many keys are fitted together.
    `key` names the column by which rows are fitted and mapped apart, if any;
    `trained` tells that models train the centre and scale from where they are put;
    `shaped` that constants are of the kept shape though nothing is fitted.
    """

    requires: tuple[str, ...]
    fitted_on_data: bool
    monotone: bool
    separable: bool = False
    key: str | None = None
    trained: bool = False
    shaped: bool = False

    @property
    @abc.abstractmethod
    def view(self) -> bijectors.Bijector | None:
        """The fixed map that data pass before statistics are taken, if any."""

    @abc.abstractmethod
    def fit(self, statistic: typing.Any) -> bijectors.Bijector:
        """Returns the map for data that `statistic` summarizes.

        Args:
            statistic: Statistics of one feature, such as
                `tfnorm.statistics.FeatureStatistics`, taken of the `view` of the
                data where the scheme has one.

        Raises:
            EmptyDataError: If the data held no valid value.
            DataError: If `zero_scale_policy="raise"` and a feature is constant.
            RecipeError: If the scheme cannot be fitted to such data.
        """

    def template(self, shape: tuple[int, ...]) -> bijectors.Bijector:
        """Returns a map of the structure of a fitted one, before there are data.

        Args:
            shape: The kept shape: that of the statistics to come.
        """
        return self.fit(placeholder.Placeholder(tuple(shape)))


class Around(Scheme):
    """A scheme around another: it needs what that needs, unless it says otherwise."""

    @property
    @abc.abstractmethod
    def inner(self) -> Scheme:
        """The other scheme."""

    @property
    def requires(self) -> tuple[str, ...]:
        return self.inner.requires

    @property
    def fitted_on_data(self) -> bool:
        return self.inner.fitted_on_data

    @property
    def monotone(self) -> bool:
        return self.inner.monotone

    @property
    def separable(self) -> bool:
        return self.inner.separable

    @property
    def trained(self) -> bool:
        return self.inner.trained

    @property
    def view(self) -> bijectors.Bijector | None:
        return self.inner.view


def behind(value: typing.Any, other: typing.Any) -> np.ndarray:
    """Returns an array with an axis of size 1 added for each axis of `other`."""
    value = np.asarray(value)
    return np.reshape(value, value.shape + (1,) * np.ndim(other))


def check_choice(name: str, value: typing.Any, choices: tuple[str, ...]) -> None:
    """Raises an error in the caller's words unless `value` is a choice."""
    if value not in choices:
        raise errors.RecipeError(
            f"`{name}={value!r}` is not one of {', '.join(map(repr, choices))}."
        )


def check_interval(name: str, ends: tuple[float, float], *, within=None) -> None:
    """Raises an error unless `ends` are two rising finite numbers."""
    low, high = ends
    if not (-np.inf < low < high < np.inf):
        raise errors.RecipeError(
            f"`{name}` must be two finite numbers, the lower one first, but "
            f"`{low}` and `{high}` came."
        )
    if within is not None and not within[0] <= low < high <= within[1]:
        raise errors.RecipeError(
            f"`{name}` must lie within {within[0]} and {within[1]}, but `{low}` and "
            f"`{high}` came."
        )


def pair(name: str, value: typing.Any) -> tuple[float, float]:
    """Returns two numbers as a tuple, or raises an error that names them."""
    try:
        low, high = value
        return float(low), float(high)
    except (TypeError, ValueError) as error:
        raise errors.RecipeError(
            f"`{name}={value!r}` must be two numbers, (lower, upper)."
        ) from error


def known(values: typing.Any, name: str) -> np.ndarray:
    """Returns a statistic as it is, or raises if there was nothing to take it of."""
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return array
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise errors.EmptyDataError(
            f"There is no {name}: no valid value came{positions(np.isnan(array))}. "
            "Leave the feature out of the recipe, or read more data."
        )
    return array


def positions(mask: np.ndarray) -> str:
    """Says where a mask is true, unless it is that of a single number."""
    if not mask.ndim:
        return ""
    found = [
        tuple(index) if len(index) > 1 else index[0]
        for index in np.argwhere(mask).tolist()
    ]
    more = "" if len(found) <= 5 else f" and {len(found) - 5} more"
    return f" at {', '.join(map(str, found[:5]))}{more}"


def span(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Returns `high - low` in float64, exact before it is rounded.

    Integers near 2**63 lose their last digits in float64, and the difference of
    two may not fit int64; modulo 2**64 it is right.
    """
    high, low = np.asarray(high), np.asarray(low)
    if high.dtype.kind in "iu" and low.dtype.kind in "iu":
        with np.errstate(over="ignore"):
            difference = high.astype(np.uint64) - low.astype(np.uint64)
        return np.asarray(difference, np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(high, np.float64) - np.asarray(low, np.float64)


def never_varies(statistic, deviation: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Tells where a deviation is 0, or noise of the last bit of floats."""
    noise = 0.0 if statistic.kind == "integer" else NOISE
    return deviation <= noise * np.abs(mean)


def affine(statistic, loc: np.ndarray, scale: np.ndarray) -> bijectors.Affine:
    """Returns the map that subtracts `loc` and divides by `scale`.

    Raises as `check_resolved` does.
    """
    fitted = bijectors.Affine(loc, scale)
    check_resolved(statistic, fitted.loc, fitted.scale)
    return fitted


def check_resolved(statistic, loc: np.ndarray, scale: np.ndarray) -> None:
    """Raises an error if float64 does not tell a centre from its neighbours.

    Args:
        statistic: Statistics of the data.
        loc: The centre.
        scale: How far the data lie apart.

    Raises:
        DataError: If the data are integers that are so large beside their scale.
    """
    size = np.abs(loc)
    if statistic.kind == "integer" and np.any(
        (size > 2.0**53) & (np.spacing(size) > np.abs(scale) * _RESOLVED)
    ):
        raise errors.DataError(
            f"The values are integers near {loc} that lie too close together "
            "for float64 to center. Subtract an integer from them first, such as the "
            "least of them."
        )


def divisor(scale: np.ndarray, constant: np.ndarray, policy: str) -> np.ndarray:
    """Returns the scale to divide by, 1 where a feature is constant.

    Args:
        scale: The scale of each feature.
        constant: Whether the feature is constant.
        policy: "one", or "raise" to refuse constant features.
    """
    constant = np.asarray(constant)
    if policy == "raise" and constant.any():
        raise errors.DataError(
            f"The feature has no spread{positions(constant)}, and "
            "`zero_scale_policy='raise'`. Leave it out, or use "
            "`zero_scale_policy='one'` to center without scaling."
        )
    return np.where(constant, 1.0, scale)
