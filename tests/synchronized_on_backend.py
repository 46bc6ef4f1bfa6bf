# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch norm over replicas beside one big batch; see test_synchronized.py.

`python -m tests.synchronized_on_backend FOLDER RANK` writes numbers to FOLDER, on the
backend of KERAS_BACKEND. On torch two processes do so together, on the others one has
several devices.
"""

import pathlib
import sys

import keras
import numpy as np

from tfnorm import layers

BACKEND = keras.backend.backend()
# What looks for tests imports every file.
IS_PROGRAM = __name__ == "__main__"
RANK = int(sys.argv[2]) if IS_PROGRAM else 0
if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
else:
    import torch


def _two_devices():
    """Returns a strategy of two replicas, each on a half of the processor."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


STRATEGY = _two_devices() if IS_PROGRAM and BACKEND == "tensorflow" else None
_RNG = np.random.default_rng(0)
_SHAPE = (16, 5, 3)
_WEIGHTS = _RNG.normal(size=_SHAPE).astype(np.float32)
TARGETS = _WEIGHTS[:, 0, :1]
_GAMMA = np.array([0.5, 2.0, -1.5], np.float32)
_BETA = np.array([1.0, -1.0, 0.25], np.float32)


def _data(loc=0.0, kept=None, first=8) -> tuple:
    x = _RNG.normal(loc, 1, _SHAPE).astype(np.float32)
    # Half the replicas see something else than the others.
    x[8:] += 3
    mask = None if kept is None else np.arange(5) < np.asarray(kept)[:, np.newaxis]
    return x, mask, first


# Data, mask, and how many rows the first of two replicas has.
CASES = {
    "plain": _data(),
    "far": _data(1e4),
    "uneven": _data(first=5),
    "masked": _data(kept=[5] * 4 + [1] * 4 + [2, 0, 4, 5] * 2),
    "far_masked": _data(1e4, kept=[5] * 4 + [1] * 4 + [2, 0, 4, 5] * 2),
    "one_masked": _data(50.0, kept=[0] * 8 + [3, 1, 5, 2] * 2),
    "all_masked": _data(50.0, kept=[0] * 16),
}

# 4,096 rows of N(1e4, 1), the variance of which Keras loses.
FAR = _RNG.normal(1e4, 1, (4096, _SHAPE[-1])).astype(np.float32)


def made(synchronized=True):
    """Returns a layer whose weights are not those of the start."""
    layer = layers.BatchNormalization(momentum=0.75, synchronized=synchronized)
    layer.build((None, *_SHAPE[1:]))
    layer.gamma.assign(_GAMMA)
    layer.beta.assign(_BETA)
    return layer


def classifier(synchronized: bool) -> keras.Model:
    """Returns a model to fit."""
    inputs = keras.Input(_SHAPE[1:]), keras.Input(_SHAPE[1:2], dtype="int32")
    y = layers.BatchNormalization(momentum=0.75, synchronized=synchronized)(
        inputs[0], mask=inputs[1]
    )
    y = keras.layers.Dense(1, kernel_initializer="ones")(keras.ops.mean(y, 1))
    model = keras.Model(inputs, y)
    if BACKEND != "torch":
        model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def fitted(model: keras.Model) -> dict:
    """Returns what a model is after some training, and what it then predicts."""
    # As numbers: Keras' trainer adds what replicas are given, to see its shape.
    x, mask = CASES["masked"][0], CASES["masked"][1].astype(np.int32)
    for _ in range(2):
        model.fit([x, mask], TARGETS, 8, shuffle=False, verbose=0)
    predicted = model.predict([x, mask], verbose=0)
    return {"weights": flat(model.get_weights()), "predicted": predicted}


def flat(arrays) -> np.ndarray:
    return np.concatenate([np.ravel(value(array)) for array in arrays])


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def named(outputs, gradients, layer) -> dict:
    """Names what is compared, of one run of a layer."""
    names = ("output", "input_gradient", "gamma_gradient", "beta_gradient")
    results = dict(zip(names, map(value, (outputs, *gradients)), strict=True))
    results["moving_mean"] = value(layer.moving_mean)
    results["moving_variance"] = value(layer.moving_variance)
    return results


# TensorFlow: a strategy over two logical devices.


def tensorflow_step(layer, x, mask, weights) -> tuple:
    variables = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True, mask=mask)
        loss = tf.reduce_sum(outputs * weights)
    return outputs, *tape.gradient(loss, [x, *variables])


def tensorflow_alone(x, mask, first) -> dict:
    layer = made(synchronized=False)
    mask = None if mask is None else tf.constant(mask)
    outputs, *gradients = tensorflow_step(layer, tf.constant(x), mask, _WEIGHTS)
    return named(outputs, gradients, layer)


def tensorflow_traced(layer, x, mask, first, step=tensorflow_step):
    """Returns a step over replicas as a graph, and its arguments."""
    weights = np.resize(_WEIGHTS, x.shape)

    def split(array):
        parts = [tf.constant(part) for part in np.split(array, [first])]
        return STRATEGY.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )

    @tf.function
    def run(*args):
        return STRATEGY.run(lambda *each: step(layer, *each), args)

    return run, [one if one is None else split(one) for one in (x, mask, weights)]


def tensorflow_together(x, mask, first) -> dict:
    with STRATEGY.scope():
        layer = made()
    run, args = tensorflow_traced(layer, x, mask, first)
    parts = [STRATEGY.experimental_local_results(one) for one in run(*args)]
    outputs, to_input = (np.concatenate(part) for part in parts[:2])
    # The caller adds gradients of weights up.
    gamma, beta = (sum(part) for part in parts[2:])
    return named(outputs, (to_input, gamma, beta), layer)


def tensorflow_more() -> dict:
    with STRATEGY.scope():
        model = classifier(synchronized=True)
    results = {f"fit.together.{k}": v for k, v in fitted(model).items()}
    for name, room in (("ours", layers), ("keras", keras.layers)):
        with STRATEGY.scope():
            layer = room.BatchNormalization(synchronized=True, momentum=0.0)
            layer.build(FAR.shape)
        run, args = tensorflow_traced(layer, FAR, None, len(FAR) // 2, _forward)
        run(*args)
        results[f"moving_variance.{name}"] = value(layer.moving_variance)
        step, _ = tensorflow_traced(layer, FAR, None, len(FAR) // 2)
        counts = [_collectives(one.get_concrete_function(*args)) for one in (run, step)]
        results[f"collectives.{name}"] = np.array(counts) / 2  # Of both replicas.
    return results


def _forward(layer, x, mask, weights):
    return layer(x, training=True, mask=mask)


def _collectives(function) -> int:
    operations = function.graph.get_operations()
    return sum(one.type.startswith("Collective") for one in operations)


# JAX: data split over four devices.


def jax_step(layer, x, mask) -> dict:
    def loss(x, trainable, rest):
        outputs, rest = layer.stateless_call(
            trainable, rest, x, training=True, mask=mask
        )
        return (outputs * _WEIGHTS).sum(), (outputs, rest)

    trainable, rest = (
        [weight.value for weight in weights]
        for weights in (layer.trainable_variables, layer.non_trainable_variables)
    )
    step = jax.jit(jax.grad(loss, (0, 1), has_aux=True))
    (to_input, to_weights), (outputs, rest) = step(x, trainable, rest)
    for weight, new in zip(layer.non_trainable_variables, rest, strict=True):
        weight.assign(new)
    return named(outputs, (to_input, *to_weights), layer)


def jax_alone(x, mask, first) -> dict:
    return jax_step(made(synchronized=False), x, mask)


def jax_together(x, mask, first) -> dict:
    def split(array):
        mesh = jax.sharding.Mesh(jax.devices(), ("batch",))
        where = jax.sharding.PartitionSpec("batch")
        return jax.device_put(array, jax.sharding.NamedSharding(mesh, where))

    layer = made()
    return jax_step(layer, split(x), None if mask is None else split(mask))


def jax_more() -> dict:
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    model = classifier(synchronized=True)
    devices = {str(device) for device in model.weights[0].value.devices()}
    assert len(devices) == 4
    return {f"fit.together.{k}": v for k, v in fitted(model).items()}


# torch: two processes.


def torch_step(model, layer, x, mask, weights) -> dict:
    x = torch.tensor(x, requires_grad=True)
    mask = None if mask is None else torch.tensor(mask)
    outputs = model(x, training=True, mask=mask)
    (outputs * torch.tensor(weights)).sum().backward()
    gradients = x.grad, layer.gamma.value.grad, layer.beta.value.grad
    return named(outputs.detach(), gradients, layer)


def torch_alone(x, mask, first) -> dict:
    layer = made(synchronized=False)
    return torch_step(layer, layer, x, mask, _WEIGHTS)


def torch_together(x, mask, first) -> dict:
    layer = made()
    model = torch.nn.parallel.DistributedDataParallel(layer)
    mine = slice(first * RANK, None if RANK else first)
    mask = None if mask is None else mask[mine]
    mine = torch_step(model, layer, x[mine], mask, _WEIGHTS[mine])
    everyones: list = [None, None]
    torch.distributed.all_gather_object(everyones, mine)
    results = dict(mine)
    for name in ("output", "input_gradient"):
        results[name] = np.concatenate([each[name] for each in everyones])
    for name in ("gamma_gradient", "beta_gradient"):
        results[name] = mine[name] * 2  # Of what was the mean of two processes.
    for name in mine.keys() - {"output", "input_gradient"}:
        np.testing.assert_array_equal(everyones[0][name], everyones[1][name])
    return results


def torch_trained(synchronized: bool) -> dict:
    """Does what `fitted` does, in torch's own way."""
    model = classifier(synchronized)
    outer, share = model, slice(None)
    if synchronized:
        outer = torch.nn.parallel.DistributedDataParallel(model)
        share = slice(4 * RANK, 4 * RANK + 4)
    x, mask = map(torch.tensor, CASES["masked"][:2])
    optimizer = torch.optim.SGD(outer.parameters(), 0.01)
    for start in (0, 8, 0, 8):
        batch = [one[start : start + 8][share] for one in (x, mask)]
        wanted = torch.tensor(TARGETS)[start : start + 8][share]
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(outer(batch, training=True), wanted).backward()
        optimizer.step()
    predicted = model.predict([x, mask], verbose=0)
    return {"weights": flat(model.get_weights()), "predicted": predicted}


def torch_more() -> dict:
    results = {f"fit.together.{k}": v for k, v in torch_trained(True).items()}
    return results | {"collectives.ours": torch_collectives()}


def torch_collectives() -> np.ndarray:
    """Counts them: of a call, and of it and its gradient."""
    layer = made()
    x = torch.tensor(CASES["plain"][0], requires_grad=True)
    with torch.profiler.profile() as forward:
        outputs = layer(x, training=True)
    with torch.profiler.profile() as backward:
        outputs.sum().backward()
    first, second = (
        sum(one.count for one in profile.key_averages() if "c10d::" in one.key)
        for profile in (forward, backward)
    )
    return np.array([first, first + second])


if IS_PROGRAM:
    folder = pathlib.Path(sys.argv[1])
    alone, together, more = (
        globals()[f"{BACKEND}_{what}"] for what in ("alone", "together", "more")
    )
    if BACKEND == "torch":
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/meet", rank=RANK, world_size=2
        )
    numbers = {}
    for name, case in CASES.items():
        if BACKEND == "jax" and case[2] != 8:
            continue  # A device has as many rows as any other.
        for who in (alone, together):
            for what, array in who(*case).items():
                numbers[f"{name}.{who.__name__.split('_')[1]}.{what}"] = array
    plain = torch_trained(False) if BACKEND == "torch" else fitted(classifier(False))
    numbers |= {f"fit.alone.{what}": array for what, array in plain.items()}
    numbers |= more()
    if RANK == 0:
        np.savez(folder / "numbers.npz", **numbers)
    if BACKEND == "torch":
        torch.distributed.destroy_process_group()
