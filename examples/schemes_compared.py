# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains one small network on images normalized in six ways, and compares.

`python examples/schemes_compared.py` takes some minutes on two cores and writes its
numbers to benchmarks/results/schemes.json; `python -m benchmarks.table` makes the table
of the README of them. It needs JAX, which trains the networks of all seeds and learning
rates at once.
"""

import importlib.metadata
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import click
import jax
import keras
import numpy as np
from jax import numpy as jnp
from sklearn import datasets

import tfnorm

ROOT = pathlib.Path(__file__).absolute().parent.parent
HIDDEN, BATCH = 32, 64
# 4e-6 to 16, each four times the one before.
RATES = 4.0 ** np.arange(-9, 3)


def images_of_digits():
    """Handwritten digits of 8 x 8 pixels, as 8-bit images; every fourth is a test."""
    digits = datasets.load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    return images, digits.target, np.arange(len(images)) % 4 == 0


def crops_of_photographs():
    """Crops of 6 x 6 pixels, by which of two photographs each is from.

    Tests are of tiles of 64 x 64 pixels of which no crop is trained on.
    """
    crops, labels, tests = [], [], []
    for label, photograph in enumerate(datasets.load_sample_images().images):
        for row in range(0, photograph.shape[0] - 6, 16):
            for column in range(0, photograph.shape[1] - 6, 16):
                crops.append(photograph[row : row + 6, column : column + 6])
                labels.append(label)
                tests.append((row // 64 + column // 64) % 4 == 0)
    return np.stack(crops), np.array(labels), np.array(tests)


TASKS = {"digits": images_of_digits, "photographs": crops_of_photographs}
# Training loss (cross-entropy) that the epochs are counted to.
GOALS = {"digits": 0.1, "photographs": 0.15}
SCHEMES = {
    "raw, 0 to 255": lambda: tfnorm.layers.Rescale((0, 1), (0, 1)),
    "0 to 1": lambda: tfnorm.layers.Rescale((0, 255), (0, 1)),
    "-1 to 1": lambda: tfnorm.layers.Rescale((0, 255), (-1, 1)),
    "z-score by channel": lambda: tfnorm.layers.ZScore(),
    "per image": lambda: tfnorm.layers.PerImage(),
    "whitening": lambda: tfnorm.layers.Whitening(shrinkage=0.01, axis=(1, 2, 3)),
}


def normalized(make, images, test):
    """Training and test images as vectors, by a layer that saw the former."""
    layer = make()
    if hasattr(layer, "adapt"):
        layer.adapt(images[~test])
    flat = np.asarray(layer(images)).reshape(len(images), -1)
    return flat[~test], flat[test]


def network(width, classes, with_batch_norm):
    """A network of one hidden layer."""
    hidden = [keras.layers.Dense(HIDDEN, use_bias=not with_batch_norm)]
    if with_batch_norm:
        hidden.append(tfnorm.layers.BatchNormalization(momentum=0.9))
    last = [keras.layers.ReLU(), keras.layers.Dense(classes)]
    return keras.Sequential([keras.Input((width,)), *hidden, *last])


def start(model, seed):
    """The weights that a seed gives a network: trained ones, and moving averages."""
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    kinds = (fresh.trainable_variables, fresh.non_trainable_variables)
    return tuple([variable.value for variable in kind] for kind in kinds)


def trainer(model, epochs):
    """Returns a function that trains networks of all seeds at all learning rates."""

    def loss_of(weights, moving, x, y):
        logits, moving = model.stateless_call(weights, moving, x, training=True)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
        return -chosen.mean(), moving

    def train(rate, seed, state, x, y, x_test, y_test):
        """Stochastic gradient descent without momentum: one rate, one seed."""
        steps = len(x) // BATCH

        def step(state, rows):
            slope = jax.value_and_grad(loss_of, has_aux=True)
            (loss, moving), gradients = slope(*state, x[rows], y[rows])
            weights = [w - rate * g for w, g in zip(state[0], gradients, strict=True)]
            return (weights, moving), loss

        def epoch(state, key):
            rows = jax.random.permutation(key, len(x))[: steps * BATCH]
            state, losses = jax.lax.scan(step, state, rows.reshape(steps, BATCH))
            return state, losses.mean()

        keys = jax.random.split(jax.random.key(seed), epochs)
        state, losses = jax.lax.scan(epoch, state, keys)
        logits, _ = model.stateless_call(*state, x_test, training=False)
        return losses, (logits.argmax(1) == y_test).mean()

    data = (None,) * 4
    seeds = jax.vmap(train, in_axes=(None, 0, 0, *data))
    return jax.jit(jax.vmap(seeds, in_axes=(0, None, None, *data)))


def spectra(x, weights, with_batch_norm):
    """Eigenvalues of the loss's Hessian, in blocks: the weights into a hidden unit.

    At the start, of all training images as one batch, in float64, and exactly: a
    network of ReLUs is piecewise linear in these weights. With batch norm, whose map
    is not, the logits are linearized (Gauss-Newton), and the direction of the weights
    themselves is left out: along it, batch norm has no slope. So are eigenvalues that
    rounding cannot tell from 0, as of pixels that are always 0.
    """
    weights = [np.asarray(weight, np.float64) for weight in weights]
    kernel, last, bias = weights[0], weights[-2], weights[-1]
    x = x.astype(np.float64)
    hidden = x @ kernel
    if with_batch_norm:
        root = np.sqrt(hidden.var(0) + 1e-3)
        hidden, x = (hidden - hidden.mean(0)) / root, x - x.mean(0)
    logits = np.maximum(hidden, 0) @ last + bias
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    found = []
    for unit, outgoing in enumerate(last):
        # Of the loss along the unit's activation, where the ReLU lets it through.
        curvature = chances @ outgoing**2 - (chances @ outgoing) ** 2
        curvature *= hidden[:, unit] > 0
        slopes = x
        if with_batch_norm:
            seen = hidden[:, unit]
            slopes = (x - np.outer(seen, seen @ x / len(x))) / root[unit]
            own = kernel[:, unit] / np.linalg.norm(kernel[:, unit])
            slopes = slopes - np.outer(slopes @ own, own)
        block = slopes.T @ (slopes * curvature[:, np.newaxis]) / len(x)
        values = np.linalg.eigvalsh(block)
        values = values[values > len(values) * 2.0**-52 * values[-1]]
        if len(values):  # Else it is 0 for all images.
            found.append(values)
    return found


def conditions(spectra):
    """Largest to smallest, and to middle, eigenvalue: of the middle hidden unit."""
    whole = np.median([values[-1] / values[0] for values in spectra])
    half = np.median([values[-1] / np.median(values) for values in spectra])
    return {"condition": float(whole), "half_condition": float(half)}


def measured(losses, accuracy, goal, classes):
    """What one scheme reached, by seed.

    Args:
        losses: Of shape (rates, seeds, epochs).
        accuracy: Of shape (rates, seeds).
        goal: The loss that epochs are counted to.
        classes: How many there are.
    """
    losses = np.where(np.isfinite(losses), losses, np.inf)
    # No better than guessing after the last epoch: it was not stable.
    stable = losses[..., -1] < np.log(classes)
    # The rate that trains fastest, by what is known without the test images.
    best = int(np.minimum(losses, np.log(classes)).mean(axis=(1, 2)).argmin())
    reached = losses[best] <= goal
    return {
        "rate": float(RATES[best]),
        "accuracy": accuracy[best].tolist(),
        "epochs": [int(r.argmax()) + 1 if r.any() else None for r in reached],
        "largest_rate": [float(RATES[s].max(initial=0)) for s in stable.T],
    }


@click.command()
@click.option("--seeds", default=5, help="Networks for each scheme.")
@click.option("--epochs", default=20, help="Passes over the training images.")
@click.option(
    "--out",
    default=os.fspath(ROOT / "benchmarks" / "results" / "schemes.json"),
    help="File to write the results to, as JSON.",
)
def main(seeds, epochs, out):
    """Compares normalizations of images, each with and without batch norm."""
    rows = []
    for task, load in TASKS.items():
        images, labels, test = load()
        classes = len(np.unique(labels))
        for with_batch_norm in (False, True):
            model = network(images[0].size, classes, with_batch_norm)
            train = trainer(model, epochs)
            starts = [start(model, seed) for seed in range(seeds)]
            state = jax.tree.map(lambda *parts: jnp.stack(parts), *starts)
            for scheme, make in SCHEMES.items():
                x, x_test = normalized(make, images, test)
                data = (x, labels[~test], x_test, labels[test])
                losses, accuracy = train(RATES, jnp.arange(seeds), state, *data)
                row = {"task": task, "scheme": scheme, "batch_norm": with_batch_norm}
                row |= measured(
                    np.asarray(losses), np.asarray(accuracy), GOALS[task], classes
                )
                found = [conditions(spectra(x, w, with_batch_norm)) for w, _ in starts]
                row |= {name: [one[name] for one in found] for name in found[0]}
                rows.append(row)
                also = " and batch norm" if with_batch_norm else ""
                click.echo(
                    f"{task}, {scheme}{also}: accuracy {np.mean(row['accuracy']):.1%} "
                    f"at rate {row['rate']:.2g}"
                )
    results = {
        "seeds": seeds,
        "epochs": epochs,
        "goals": GOALS,
        "hidden": HIDDEN,
        "batch": BATCH,
        "rates": RATES.tolist(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("jax", "keras", "numpy", "scikit-learn", "tfnorm")
        },
        "rows": rows,
    }
    pathlib.Path(out).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
