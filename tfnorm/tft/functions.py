# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Each scheme as a function of one tensor."""

import typing

import tensorflow as tf

from tfnorm import schemes
from tfnorm.tft import normalizing

_DOC = """{line}

    Args:
        x: Dense tensor of numbers, of shape (rows, ...).
        key: As of `normalize`; not for schemes that cannot be fitted by key.
        axis: As of `normalize`.
        name: As of `normalize`.
        **options: Fields of `tfnorm.schemes.{scheme}`.

    Returns:
        float32 tensor of the shape of `x`.

    Raises:
        RecipeError: If it cannot be done in a graph.

    Example:

    >>> def preprocessing_fn(inputs):
    ...     return {{"y": {example}}}
    """


class Function(typing.Protocol):
    """A scheme as a function of one tensor; see `normalize`."""

    def __call__(
        self,
        x: tf.Tensor,
        *,
        key: tf.Tensor | None = None,
        axis: int | tuple[int, ...] | None = -1,
        name: str = "",
        **options: typing.Any,
    ) -> tf.Tensor:
        """Normalizes a tensor by the scheme, whose fields the options are."""


def _of(scheme: type[schemes.Scheme], name: str, example: str) -> Function:
    """Returns the function of a scheme, which its documentation says by an example."""

    def function(x, *, key=None, axis=-1, name="", **options):
        return normalizing.normalize(
            x, scheme(**options), key=key, axis=axis, name=name
        )

    function.__name__ = function.__qualname__ = name
    line = (scheme.__doc__ or "").partition("\n")[0]
    function.__doc__ = _DOC.format(line=line, scheme=scheme.__name__, example=example)
    return function


log = _of(schemes.Log, "log", 'log(inputs["fare"], kind="log1p")')
max_abs = _of(schemes.MaxAbs, "max_abs", 'max_abs(inputs["debt"])')
mean_range = _of(schemes.MeanRange, "mean_range", 'mean_range(inputs["age"])')
min_max = _of(
    schemes.MinMax,
    "min_max",
    'min_max(inputs["age"], low=-1.0, out_of_range_policy="clip")',
)
percentile_clip = _of(
    schemes.PercentileClip,
    "percentile_clip",
    'percentile_clip(inputs["delay"], low=0.01, high=0.99)',
)
power = _of(schemes.Power, "power", 'power(inputs["income"], method="box-cox")')
quantile = _of(
    schemes.Quantile, "quantile", 'quantile(inputs["income"], output="normal")'
)
robust = _of(schemes.Robust, "robust", 'robust(inputs["delay"], key=inputs["shop"])')
tukey_hh = _of(schemes.TukeyHH, "tukey_hh", 'tukey_hh(inputs["delay"])')
whitening = _of(
    schemes.Whitening, "whitening", 'whitening(inputs["pixels"], kind="pca")'
)
z_score = _of(schemes.ZScore, "z_score", 'z_score(inputs["age"])')
