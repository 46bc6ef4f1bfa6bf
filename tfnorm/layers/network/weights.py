# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalization of a layer's kernel instead of its inputs."""

import collections.abc

import keras

from tfnorm.layers.network import kernel as kernel_lib
from tfnorm.layers.network import moments
from tfnorm.layers.network import samples


@keras.saving.register_keras_serializable("tfnorm")
class WeightStandardization(kernel_lib.KernelWrapper):
    """Computes with `(kernel - mean) / sqrt(variance + epsilon)`, by output channel.

    For convolutions before a group normalization. Mean and variance (population) are
    over all that one output channel is computed from. A constant kernel becomes 0.

    Args:
        layer: A `Dense`, or a convolution with one kernel (not a separable one).
        epsilon: Added to the variance.
        kernel_axes: The axes of the kernel that are *kept*; `None` for those of the
            output channels, of a layer other than Keras' the last.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If the layer has no kernel.

    Example:

    >>> import numpy as np
    >>> dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(7))
    >>> np.asarray(WeightStandardization(dense)(np.array([[1.0, 2.0]])))
    array([[0.]], dtype=float32)

    Reference:
        Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight
        Standardization, 2019.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        epsilon: float = 1e-6,
        kernel_axes: int | collections.abc.Sequence[int] | None = None,
        **kwargs,
    ):
        super().__init__(layer, **kwargs)
        self.epsilon = float(epsilon)
        self.kernel_axes = _given(kernel_axes)

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "kernel_axes": self.kernel_axes,
        }

    def _computed(self, training):
        kernel = self._wide_kernel()
        _, rest = _axes(self.layer, self.kernel_axes, len(kernel.shape))
        _, mean, variance = moments.moments(kernel, rest)
        return moments.standardized(kernel, mean, variance, self.epsilon)


@keras.saving.register_keras_serializable("tfnorm")
class WeightNormalization(kernel_lib.KernelWrapper):
    """Computes with `g * kernel / norm(kernel)`, by output channel.

    Length and direction of what each output channel is computed from are trained
    apart. `g` starts from the kernel's norms, with which the layer computes as it did.
    A kernel of zeros stays one.

    Args:
        layer: A `Dense`, or a convolution with one kernel (not a separable one).
        kernel_axes: The axes of the kernel that are *kept*; `None` for those of the
            output channels, of a layer other than Keras' the last.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If the layer has no kernel.

    Example:

    >>> import numpy as np
    >>> dense = keras.layers.Dense(1, kernel_initializer="ones")
    >>> layer = WeightNormalization(dense)
    >>> np.asarray(layer(np.array([[3.0, 4.0]]))), np.asarray(layer.g).round(4)
    (array([[7.]], dtype=float32), array([1.4142], dtype=float32))

    Reference:
        Salimans and Kingma, Weight Normalization: A Simple Reparameterization to
        Accelerate Training of Deep Neural Networks, 2016.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        kernel_axes: int | collections.abc.Sequence[int] | None = None,
        **kwargs,
    ):
        super().__init__(layer, **kwargs)
        self.kernel_axes = _given(kernel_axes)

    def get_config(self):
        return {**super().get_config(), "kernel_axes": self.kernel_axes}

    def _add_weights(self) -> None:
        kernel = self.kernel
        kept, _ = _axes(self.layer, self.kernel_axes, len(kernel.shape))

        def initializer(shape, dtype=None):
            # When it is asked for: the kernel may be initialized as late.
            return keras.ops.cast(keras.ops.reshape(self._norms(), shape), dtype)

        self.g = self.add_weight(
            name="g",
            shape=[kernel.shape[axis] for axis in kept],
            initializer=initializer,
            dtype=kernel.dtype,
            autocast=False,
        )

    def _norms(self):
        kernel = self._wide_kernel()
        _, rest = _axes(self.layer, self.kernel_axes, len(kernel.shape))
        return samples.root(keras.ops.sum(kernel * kernel, rest, keepdims=True))

    def _computed(self, training):
        ops = keras.ops
        kernel, norms = self._wide_kernel(), self._norms()
        g = ops.reshape(ops.cast(self.g.value, kernel.dtype), norms.shape)
        return kernel * (g / ops.where(norms > 0, norms, 1.0))


@keras.saving.register_keras_serializable("tfnorm")
class SpectralNormalization(kernel_lib.KernelWrapper):
    """Computes with `kernel / sigma`, sigma being its greatest singular value.

    Bounds how much a layer can stretch its input, as a GAN's discriminator should not.
    The kernel is taken as the matrix of its last axis by all others, as Keras takes
    it. Sigma is found by power iteration from the weight `vector_u`, that each training
    call moves on; inference iterates from it too, and leaves it alone.

    Where Keras' `SpectralNormalization` overwrites the kernel at each training call,
    here the kernel stays what the optimizer made of it, and its gradient is that of
    `kernel / sigma`, as in the paper. Weights load from those of Keras' layer. A kernel
    of zeros stays one.

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        power_iterations: How many iterations each call makes.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: If `power_iterations` is not positive, or the layer has no kernel.

    Example:

    >>> import numpy as np
    >>> dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.Identity(5))
    >>> layer = SpectralNormalization(dense)
    >>> np.asarray(layer(np.array([[1.0, 2.0]]), training=True)).round(4)
    array([[1., 2.]], dtype=float32)
    >>> np.asarray(dense.kernel)
    array([[5., 0.],
           [0., 5.]], dtype=float32)

    Reference:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.
    """

    def __init__(self, layer: keras.layers.Layer, power_iterations: int = 1, **kwargs):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"`power_iterations={power_iterations}` must be greater than zero."
            )
        self.power_iterations = power_iterations

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}

    def _add_weights(self) -> None:
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=self.kernel.dtype,
            autocast=False,
            # Every replica of a TensorFlow strategy finds the same.
            aggregation="only_first_replica",
        )

    def _computed(self, training):
        ops = keras.ops
        kernel = self._wide_kernel()
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        before = u = ops.cast(self.vector_u.value, kernel.dtype)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(fixed)))
            u = _unit(ops.matmul(v, fixed))
        v, u = ops.stop_gradient(v), ops.stop_gradient(u)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        if training and self.trainable:
            # From a kernel of zeros, u would be zeros for good.
            after = ops.where(sigma > 0, u, before)
            self.vector_u.assign(ops.cast(after, self.vector_u.dtype))
        return kernel / ops.where(sigma > 0, sigma, 1.0)


def _given(axes) -> tuple[int, ...] | None:
    if axes is None:
        return None
    return (axes,) if isinstance(axes, int) else tuple(axes)


def _axes(layer, given, rank: int) -> tuple[list[int], list[int]]:
    """The axes of a kernel that are kept, and the rest."""
    kept = sorted(axis % rank for axis in given or kernel_lib.output_axes(layer))
    return kept, [axis for axis in range(rank) if axis not in kept]


def _unit(vector):
    """The vector divided by its norm, however small; zeros for zeros."""
    ops = keras.ops
    top = ops.max(ops.abs(vector))
    vector = vector / ops.where(top > 0, top, 1.0)
    return vector * ops.rsqrt(ops.where(top > 0, ops.sum(vector * vector), 1.0))
