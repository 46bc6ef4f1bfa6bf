# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers whose constants are given."""

import typing

import keras

from tfnorm import schemes
from tfnorm.layers import base


@keras.saving.register_keras_serializable("tfnorm")
class Affine(base.SchemeLayer):
    """Subtracts `loc`, then divides by `scale`: both given.

    Args:
        loc: Number, or nested sequence of the sizes of the kept axes.
        scale: The same, without 0.
        axis: Axis or axes of the batched input that `loc` and `scale` run along.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(Affine(loc=32, scale=4)(np.array([30.0, 40.0])))
    array([-0.5,  2. ], dtype=float32)

    Reference:
        https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling
    """

    def __init__(
        self,
        loc: float | tuple = 0.0,
        scale: float | tuple = 1.0,
        *,
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {"loc": loc, "scale": scale}
        super().__init__(schemes.Affine(**arguments), arguments, axis=axis, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Rescale(base.SchemeLayer):
    """Takes one given range to another.

    A value outside `input_range` lands outside `output_range`.

    Args:
        input_range: Lower and upper end of the data.
        output_range: Where they go.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> np.asarray(Rescale((0, 256))(np.array([0, 64, 192], np.uint8)))
    array([0.  , 0.25, 0.75], dtype=float32)

    Reference:
        https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling
    """

    def __init__(
        self,
        input_range: tuple[float, float] = (0.0, 255.0),
        output_range: tuple[float, float] = (0.0, 1.0),
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "input_range": input_range,
            "output_range": output_range,
        }
        super().__init__(schemes.Rescale(**arguments), arguments, **kwargs)


@keras.saving.register_keras_serializable("tfnorm")
class Preset(base.SchemeLayer):
    """Normalizes as a published model does, by the name of its constants.

    Images come as RGB pixels of any type, 0 to 255 unless `input_range` says
    otherwise, with the channels on `axis`.

    Args:
        preset: A name in `tfnorm.presets.NAMES`, such as "imagenet" or "caffe"; or
            a scheme that is given.
        input_range: The pixel values of black and white, if not 0 and 255.
        axis: The axis of the channels.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> white = np.full((1, 1, 1, 3), 255, np.uint8)
    >>> np.asarray(Preset("imagenet")(white)).ravel().round(3)
    array([2.249, 2.429, 2.64 ], dtype=float32)

    Reference:
        Each preset of `tfnorm.presets` names where its constants come from.
    """

    def __init__(
        self,
        preset: str | schemes.Scheme,
        *,
        input_range: tuple[float, float] | None = None,
        axis: int = -1,
        **kwargs,
    ):
        arguments: dict[str, typing.Any] = {
            "preset": preset,
            "input_range": input_range,
        }
        if not isinstance(preset, schemes.Scheme):
            ranges = {} if input_range is None else {"input_range": input_range}
            preset = schemes.presets.get(preset, **ranges)
        super().__init__(preset, arguments, axis=axis, **kwargs)
