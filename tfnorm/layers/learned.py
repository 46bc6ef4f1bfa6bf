# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers around other schemes: trained, or one after the other."""

import collections.abc

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class Learned(base.SchemeLayer):
    """Applies a scheme, then a centre and a scale that are trained from 0 and 1.

    They are in the unit of what the scheme makes, so that learning rates do not depend
    on that of the data. `adapt` puts them back. `Denormalize` follows them.

    Args:
        initial: The scheme that is fitted to the data.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Learned()
    >>> layer.adapt(np.array([2.0, 4.0]))
    >>> np.asarray(layer(np.array([2.0, 6.0]))), len(layer.trainable_weights)
    (array([-1.,  3.], dtype=float32), 2)

    Reference:
        Passalis et al., Deep Adaptive Input Normalization for Time Series
        Forecasting, 2019 (constants of the input that are trained with the model).
    """

    def __init__(
        self,
        initial: schemes.Scheme = schemes.ZScore(),  # noqa: B008
        *,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        scheme = schemes.Learned(initial)
        super().__init__(scheme, {"initial": initial}, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Chain(base.SchemeLayer):
    """Applies schemes one after the other, each fitted to what those before it make.

    `adapt` reads the data once for each fitted step.

    Args:
        steps: The schemes, in the order in which they are applied.
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Chain((schemes.PercentileClip(then=schemes.Affine()), schemes.ZScore()))
    >>> layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 90.0]))
    >>> np.asarray(layer(np.array([1.0, 90.0]))).round(2)
    array([-0.54,  2.  ], dtype=float32)

    Reference:
        `Pipeline` of https://scikit-learn.org/stable/modules/compose.html.
    """

    def __init__(
        self,
        steps: collections.abc.Sequence[schemes.Scheme],
        *,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        steps = tuple(steps)
        super().__init__(schemes.Chain(steps), {"steps": steps}, axis=axis, **kwargs)
