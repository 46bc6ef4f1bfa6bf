# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Group normalization."""

import typing

import keras

from tfnorm.layers.network import samples


@keras.saving.register_keras_serializable("tfnorm")
class GroupNormalization(samples.SampleLayer):
    """Normalizes each group of channels of each sample by its own statistics.

    `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with mean and population
    variance over the channels of a group and all steps or pixels: a drop-in for
    `keras.layers.GroupNormalization`, with the same arguments, weights and results.
    One group is layer normalization over all axes, one for each channel (`groups=-1`)
    instance normalization. Computed in float32 at least.

    A mask of the first axes beside the channels, such as (rows, steps), leaves steps
    out of the statistics and makes them 0. A constant group becomes `beta`.

    Args:
        groups: How many groups there are, each of as many channels; -1 for one for
            each channel.
        axis: The axis of the channels, which is *kept*: 1 for channels first.
        epsilon: Added to the variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: Of `beta`.
        gamma_initializer: Of `gamma`.
        beta_regularizer: Of `beta`.
        gamma_regularizer: Of `gamma`.
        beta_constraint: Of `beta`.
        gamma_constraint: Of `gamma`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If the channels cannot be divided into so many groups.

    Example:

    >>> import numpy as np
    >>> layer = GroupNormalization(groups=2, epsilon=0.0)
    >>> np.asarray(layer(np.array([[1.0, 3.0, 10.0, 30.0]])))
    array([[-1.,  1., -1.,  1.]], dtype=float32)

    Reference:
        Wu and He, Group Normalization, 2018 (https://arxiv.org/abs/1803.08494).
    """

    _least_rank = 2

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: typing.Any = "zeros",
        gamma_initializer: typing.Any = "ones",
        beta_regularizer: typing.Any = None,
        gamma_regularizer: typing.Any = None,
        beta_constraint: typing.Any = None,
        gamma_constraint: typing.Any = None,
        **kwargs,
    ):
        super().__init__(
            axis,
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        if not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(f"`groups={groups!r}` must be 1 or more, or -1.")
        self.groups = groups

    def build(self, input_shape):
        super().build(input_shape)
        channels = input_shape[self.axis]
        if channels % self.groups:
            raise ValueError(
                f"{channels} channels (`axis={self.axis}` of the input shape "
                f"{tuple(input_shape)}) cannot be divided into `groups={self.groups}`."
            )

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}

    def _normalized(self, x, counted, gamma, beta, training):
        groups = x.shape[self.axis] if self.groups == -1 else self.groups
        return self._by_groups(x, counted, groups)
