# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The laws, each written once: a new class calls them before its own tests."""

import ml_dtypes
import numpy as np
import pytest

from tests import backends
from tests import curves
from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm import statistics

# One unit in the last place of float32, relative to the number.
ULP = 2.0**-23

DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)


def array(values, dtype: str) -> np.ndarray:
    """Returns an array of any type, bfloat16 included."""
    return np.asarray(values).astype(getattr(ml_dtypes, dtype, dtype))


def samples(domain: str, rows: int = 64) -> np.ndarray:
    """Returns float32 data of a domain of `schemes.REGISTRY`, 3 channels."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(rows, 3)) * [1, 100, 1e-3] + [0, 1e4, 5]
    made = {
        "real": real,
        "positive": np.exp(rng.normal(size=(rows, 3)) * 3),
        "above_minus_one": np.expm1(rng.normal(size=(rows, 3)) * 3),
        "pixels": rng.integers(0, 256, size=(rows, 2, 3)),
        "mel": np.exp(rng.normal(size=(rows, 5, 8)) * 9),
        "frames": rng.normal(size=(rows // 4, 50, 3)) * 3 - 5,
        "wave": rng.normal(size=(rows // 8, 4000, 2)) * 0.1,
        "images": rng.integers(0, 256, size=(rows, 6, 5, 3)),
    }
    return made[domain].astype(np.float32)


def fitted(scheme, x: np.ndarray, axis=-1) -> bijectors.Bijector:
    """Returns the map of a scheme for the data `x`."""
    if scheme.view is not None:
        view = scheme.view.along(axis, x.ndim)
        x, axis = view.forward(x), view.kept(axis, x.ndim)
    pairs = "comoments" in scheme.requires
    return scheme.fit(statistics.FeatureStatistics.of(x, axis=axis, comoments=pairs))


def assert_same_everywhere(bijector, x: np.ndarray) -> None:
    """Law 2: one definition gives the same numbers in every place."""
    here = bijector.forward(x)
    _, error = _with_error(forward_steps(bijector), x)
    # Without a function such as log, a map is differences and one product, which
    # no compiler contracts or reorders: nothing may differ.
    _assert_same(bijector.forward, x, here, error * _approximates(bijector))
    if bijector.invertible:
        # Compiled code contracts `y * scale + loc` into one rounding.
        _, error = _with_error(inverse_steps(bijector), here)
        _assert_same(bijector.inverse, here, bijector.inverse(here), error)


def _assert_same(function, x, here, error) -> None:
    for place, run in backends.PLACES.items():
        there = run(function, x)
        assert there.dtype == here.dtype, (place, there.dtype)
        _assert_within(there, here, 2 * error, place)


def assert_what_numpy_gives(bijector, x: np.ndarray, there: np.ndarray) -> None:
    """Law 2, where some other place has mapped `x` already."""
    _, error = _with_error(forward_steps(bijector), x)
    error = 2 * error * _approximates(bijector)
    _assert_within(there, bijector.forward(x), error, "there")


def assert_right(bijector, x: np.ndarray) -> None:
    """Habit 15: float32 results are right within the roundings of float32."""
    truth, error = _with_error(forward_steps(bijector), x)
    _assert_within(bijector.forward(x), truth, error, "forward")


def assert_inverts(bijector, x: np.ndarray) -> None:
    """Law 3: what is invertible inverts, within the roundings of float32."""
    steps = forward_steps(bijector) + inverse_steps(bijector)
    there, error = _with_error(steps, x)
    back = bijector.inverse(bijector.forward(x))
    _assert_within(back, np.asarray(x, np.float64), error, "back")


def assert_not_invertible(bijector, y: np.ndarray) -> None:
    """Law 3: a map that loses information says so."""
    assert not bijector.invertible
    with pytest.raises(errors.NotInvertible):
        bijector.inverse(y)


def assert_round_trips(value) -> None:
    """What is registered comes back from its JSON, which is deterministic."""
    text = config.dumps(value)
    assert config.loads(text) == value
    assert config.dumps(config.loads(text)) == text


def assert_takes_every_type(bijector, values: np.ndarray) -> None:
    """Float64 gives float64, everything else float32; and the same numbers.

    Args:
        bijector: The map.
        values: Integers from 0 to 127, which every type holds exactly.
    """
    truth, error = _with_error(forward_steps(bijector), values)
    for dtype in DTYPES:
        y = bijector.forward(array(values, dtype))
        assert y.dtype.name == ("float64" if dtype == "float64" else "float32"), dtype
        narrow = dtype in ("int8", "uint8")
        _assert_within(y, truth, error + narrow * _centre_error(bijector), dtype)


def assert_keeps_nan(bijector, x: np.ndarray) -> None:
    """NaN stays NaN in every place, and changes no other number."""
    broken = np.array(x)
    broken[0] = np.nan
    for place, run in backends.PLACES.items():
        y = run(bijector.forward, broken)
        assert np.isnan(y[0]).all(), place
        assert not np.isnan(y[1:]).any(), place


def assert_like_template(scheme, bijector, shape: tuple[int, ...]) -> None:
    """A template has the constants of a fitted map: names, types and shapes."""
    template = scheme.template(shape).constants()
    own = bijector.constants()
    assert {k: (v.shape, v.dtype) for k, v in template.items()} == {
        k: (v.shape, v.dtype) for k, v in own.items()
    }
    assert all(value.dtype == np.float32 for value in own.values())


def forward_steps(bijector) -> list:
    """Returns the parts of a map as (function, its rounding at a result)."""
    if isinstance(bijector, bijectors.Chain):
        return [step for part in bijector.parts for step in forward_steps(part)]
    if isinstance(bijector, bijectors.LogFloor):
        # Of data of up to 16 decades, from which the greatest may be subtracted.
        size = 16 * bijector.decade
        return [(bijector.forward, lambda y: 4 * ULP * (np.abs(y) + size))]
    if isinstance(bijector, bijectors.Sliding):
        # As of samples; without a deviation, of frames of up to 20.
        size = 4 if bijector.variance else 20
        return [(bijector.forward, lambda y: 32 * ULP * (np.abs(y) + size))]
    if isinstance(bijector, bijectors.PCEN):
        # Logarithms of up to 40 are rounded before their exponential.
        return [(bijector.forward, lambda y: 80 * ULP * (np.abs(y) + 1))]
    if isinstance(bijector, bijectors.Loudness):
        # One gain, the root of a sum of thousands of squares.
        return [(bijector.forward, lambda y: 32 * ULP * np.abs(y))]
    if isinstance(bijector, bijectors.PerSample):
        # Of the sample's numbers, which are a few times its scale; sums round too.
        return [(bijector.forward, lambda y: 32 * ULP * (np.abs(y) + 4))]
    if isinstance(bijector, bijectors.Local):
        # As of samples, whose pixels may be far from those around them.
        size = 255 if bijector.kind == "subtractive" else 4
        return [(bijector.forward, lambda y: 32 * ULP * (np.abs(y) + size))]
    if isinstance(bijector, curves.KINDS):
        return [(bijector.forward, curves.forward_rounding(bijector))]
    if isinstance(bijector, bijectors.Stretch | bijectors.Foreground):
        return [(bijector.forward, lambda y: 32 * ULP * (np.abs(y) + 4))]
    if isinstance(bijector, bijectors.Matrix):
        return [_mixing(bijector.forward, bijector.matrix, bijector.inverse_matrix)]
    # At most three roundings of half an ulp; logarithms are good to 2 ulp.
    return [(bijector.forward, lambda y: 4 * ULP * np.abs(y))]


def inverse_steps(bijector) -> list:
    """Returns the parts of a map's inverse in the order of `forward_steps`."""
    if isinstance(bijector, bijectors.Chain):
        parts = reversed(bijector.parts)
        return [step for part in parts for step in inverse_steps(part)]
    if isinstance(bijector, bijectors.Affine):
        # The product is rounded before `loc` is added, which may cancel it.
        largest = np.abs(bijector.loc)
        return [(bijector.inverse, lambda x: 4 * ULP * (np.abs(x) + largest))]
    if isinstance(bijector, curves.KINDS):
        return [(bijector.inverse, curves.inverse_rounding(bijector))]
    if isinstance(bijector, bijectors.Matrix):
        pair = bijector.inverse_matrix, bijector.matrix
        return [_mixing(bijector.inverse, *pair, bijector.loc)]
    return [(bijector.inverse, lambda x: 4 * ULP * np.abs(x))]


def _mixing(function, matrix, inverse, loc=0.0):
    """A step that mixes c elements, and how it carries an error on."""
    rounds = (len(matrix) + 4) * ULP / 2

    def rounding(y):
        # c products and sums, and a few roundings of what is multiplied. Both
        # matrices are rounded to float32: their product is not quite 1.
        parts = np.abs((y - loc) @ inverse.T) @ np.abs(matrix.T)
        return rounds * parts + 4 * ULP * (np.abs(y) + np.abs(loc))

    return function, rounding, lambda error: error @ np.abs(matrix.T)


def _with_error(steps: list, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the float64 result of the steps, and a bound on float32's error."""
    value = np.asarray(x, np.float64)
    error = np.zeros_like(value)
    for function, rounding, *carried in steps:
        result = function(value)
        moved = [function(value + side * error) - result for side in (-1, 1)]
        # Where each element is mapped by itself, these are the worst.
        moved = [carry(error) for carry in carried] or np.abs(moved)
        error = np.max(moved, axis=0) + rounding(result)
        value = result
    return value, error


def _centre_error(bijector):
    """What rounding the centre to float32 moves results by, as of 8-bit integers."""
    if isinstance(bijector, bijectors.Chain):
        return _centre_error(bijector.parts[0])
    if not isinstance(bijector, bijectors.Affine):
        return 0.0
    return 0.5 * ULP * np.abs(bijector.loc / bijector.scale)


def _approximates(bijector) -> bool:
    if isinstance(bijector, bijectors.Chain):
        return any(map(_approximates, bijector.parts))
    if isinstance(bijector, bijectors.Foreground):
        return _approximates(bijector.then)
    return isinstance(
        bijector,
        bijectors.Pointwise
        | bijectors.LogFloor
        | bijectors.Loudness
        | bijectors.PCEN
        | bijectors.Sliding
        | bijectors.Matrix
        | bijectors.PerSample
        | bijectors.Local
        | bijectors.Stretch
        | curves.KINDS,
    )


def _assert_within(actual, expected, bound, what: str) -> None:
    actual, expected = (np.asarray(v, np.float64) for v in (actual, expected))
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), what)
    excess = np.nan_to_num(np.abs(actual - expected) - bound)
    assert (excess <= 0).all(), f"{what}: off by {excess.max()} more than allowed"
