# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What batch normalization does, in training and in serving, and how to repair it."""

import keras
import numpy as np
from sklearn import datasets
from sklearn import model_selection

import tfnorm

digits = datasets.load_digits()
pixels = digits.data.astype(np.float32)  # 64 in an image, from 0 to 16.
parts = model_selection.train_test_split(pixels, digits.target, random_state=0)
x, x_test, y, y_test = parts

# 1. The formulas. In training, a batch is normalized by its own statistics.
batch, momentum, epsilon = x[:32], 0.99, 1e-3
gamma, beta = np.full(64, 2.0), np.full(64, 0.5)  # Learned: here, given.
moving_mean, moving_variance = np.zeros(64), np.ones(64)

mean = batch.mean(axis=0, dtype=np.float64)
variance = ((batch - mean) ** 2).mean(axis=0)
normalized = (batch - mean) / np.sqrt(variance + epsilon)
output = gamma * normalized + beta
# For serving, where a row must not depend on its batch, it keeps moving averages.
moving_mean = momentum * moving_mean + (1 - momentum) * mean
moving_variance = momentum * moving_variance + (1 - momentum) * variance
served = gamma * (batch - moving_mean) / np.sqrt(moving_variance + epsilon) + beta

layer = tfnorm.layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
layer.build(batch.shape)
layer.gamma.assign(gamma)
layer.beta.assign(beta)


def same(found, wanted):
    """Whether a tensor holds the numbers, but for rounding."""
    return np.allclose(keras.ops.convert_to_numpy(found), wanted, atol=1e-4)


print("The layer gives the numbers of the formulas")
print("  in training:", same(layer(batch, training=True), output))
print("  in serving:", same(layer(batch, training=False), served))

# 2. Training and serving. An epoch is of 43 steps here: few for averages that begin at
# 0 and 1, and move by a hundredth at each.
keras.utils.set_random_seed(0)
stack: list = [keras.Input((64,))]
for _ in range(3):
    stack += [keras.layers.Dense(32), tfnorm.layers.BatchNormalization()]
    stack += [keras.layers.ReLU()]
model = keras.Sequential([*stack, keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])


def served_accuracy(images):
    """Share of test images that the model recognizes when it serves."""
    return model.evaluate(images, y_test, verbose=0)[1]


model.fit(x, y, epochs=1, batch_size=32, verbose=0)
logits = keras.ops.convert_to_numpy(model(x_test, training=True))
print(f"After one epoch: accuracy {np.mean(logits.argmax(1) == y_test):.0%} by the")
print("  statistics of the batch of test images, as in training;")
print(f"  {served_accuracy(x_test):.0%} by the moving averages, as in serving;")

# 3. What recalibration repairs: the statistics of all training images, exactly.
tfnorm.recalibrate(model, x)
print(f"  {served_accuracy(x_test):.0%} by those of all training images.")

# And another camera: dimmer, and its black is not black. No labels are needed.
dim = 0.3 * x_test + 8
print(f"From another camera: {served_accuracy(dim):.0%}, and")
tfnorm.adapt_batch_norm(model, dim)
print(f"  {served_accuracy(dim):.0%} adapted to its images.")
