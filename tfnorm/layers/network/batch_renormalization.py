# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization by moving statistics, in training too, within limits."""

import keras

from tfnorm.layers.network import batch_normalization


@keras.saving.register_keras_serializable("tfnorm")
class BatchRenormalization(batch_normalization.BatchNormalization):
    """Normalizes by moving statistics in training, too, as far as limits allow.

    For small batches, and for those whose rows are alike: `(x - mean) / deviation * r
    + d`, where r and d take the batch's statistics to the moving ones of before it.
    No gradient passes through them. With `rmax=1` and `dmax=0` it is batch
    normalization; the paper begins so, and ends at 3 and 5. Inference is that of batch
    normalization, and so is what a mask does.

    `BatchNormalization(renorm=True)` with arguments of its own; the weights are those
    of Keras' layer with `renorm=True`.

    Args:
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        momentum: Weight of the moving statistics of before, for inference.
        epsilon: Added to the variance.
        rmax: The ratio of the deviations is from `1 / rmax` to `rmax`.
        dmax: Greatest distance of the means, in deviations.
        renorm_momentum: Weight of the statistics of before, for training.
        **kwargs: As in `BatchNormalization`.

    Raises:
        ValueError: If a limit makes no sense.

    Example:

    >>> import numpy as np
    >>> layer = BatchRenormalization(epsilon=0.0, dmax=0.5)
    >>> y = layer(np.array([[1.0], [7.0]]), training=True)
    >>> np.asarray(y).ravel()  # By mean 0 and deviation 1, they would be 1 and 7.
    array([-2.5,  3.5], dtype=float32)

    Reference:
        Ioffe, Batch Renormalization: Towards Reducing Minibatch Dependence in
        Batch-Normalized Models, 2017 (https://arxiv.org/abs/1702.03275).
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        *,
        rmax: float = 3.0,
        dmax: float = 5.0,
        renorm_momentum: float = 0.99,
        **kwargs,
    ):
        if not rmax >= 1:
            raise ValueError(f"`rmax={rmax}` must be 1 or more.")
        super().__init__(
            axis,
            momentum,
            epsilon,
            renorm=True,
            renorm_clipping={"rmax": rmax, "rmin": 1 / rmax, "dmax": dmax},
            renorm_momentum=renorm_momentum,
            **kwargs,
        )
        self.rmax = rmax
        self.dmax = dmax

    def get_config(self):
        config = {**super().get_config(), "rmax": self.rmax, "dmax": self.dmax}
        del config["renorm"], config["renorm_clipping"]
        return config
