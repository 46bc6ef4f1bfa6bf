# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What every layer holds to, on the backend of KERAS_BACKEND.

`python -m tests.layer_contracts FOLDER` tries every function below whose name begins
with `every_layer_` on every row of `layers_data.EVERY`, and writes what failed to
FOLDER. See test_layer_contracts.py.
"""

import functools
import inspect
import json
import pathlib
import re
import sys
import traceback
import warnings

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tests import contracts
from tests import layers_data as data
from tests import layers_network
from tfnorm import errors
from tfnorm import layers

BACKEND = keras.backend.backend()
FOLDER = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
# Of the greatest result, two runs may lie so many ulp apart: sums of some 100 numbers,
# which compilers add in an order of their own, then a few roundings of functions.
_ROUNDINGS = 32
# Ops of a compiled graph that leave the device, or whose shape depends on data.
_FORBIDDEN = re.compile(
    r"callback|infeed|outfeed|SendToHost|RecvFromHost|<=\d|f64\[|xf64>|dynamic_reshape"
)


@functools.cache
def made(name: str):
    return data.made(name)


def value(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def first(outputs):
    """The normalized values, where statistics come with them."""
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def called(layer, x, *given) -> np.ndarray:
    return value(first(layer(x, *given)))


def near(found, wanted, rounding=0.0) -> None:
    """Raises unless two results agree, up to what compilers may reorder."""
    found, wanted = (np.asarray(v, np.float64) for v in (found, wanted))
    size = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    bound = (_ROUNDINGS * contracts.ULP + rounding) * size
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)


def model_of(name: str, layer=None) -> keras.Model:
    """A model of the layer alone, of which as few sizes as can be are known."""
    layer = made(name) if layer is None else layer
    x, given = data.data_for(name), data.given_for(name)
    axis = getattr(layer, "axis", -1)
    kept = () if axis is None else (axis,) if isinstance(axis, int) else axis
    kept = {one % x.ndim for one in kept}
    shape = [size if 1 + i in kept else None for i, size in enumerate(x.shape[1:])]
    inputs = [keras.Input(tuple(shape), dtype=x.dtype.name)]
    inputs += [keras.Input(g.shape[1:], dtype=g.dtype.name) for g in given]
    return keras.Model(inputs, first(layer(*inputs)))


def every_layer_runs_where_sizes_are_unknown(name):
    x, given = data.data_for(name), data.given_for(name)
    found = model_of(name).predict([x, *given], verbose=0)
    near(found, called(made(name), x, *given))


def every_layer_runs_in_tf_data(name):
    x, given = data.data_for(name), data.given_for(name)
    layer = made(name)
    rows = tf.data.Dataset.from_tensor_slices((x, *given)).batch(7)
    batches = list(rows.map(lambda *args: first(layer(*args))).as_numpy_iterator())
    near(np.concatenate(batches), called(layer, x, *given))


def every_layer_computes_in_mixed_precision(name):
    x, given = data.data_for(name), data.given_for(name)
    wanted = called(made(name), x, *given)
    for policy, unit in (("mixed_float16", 2.0**-11), ("mixed_bfloat16", 2.0**-8)):
        layer = data.made(name, dtype=policy)
        found = first(layer(x, *given))
        kind = policy.removeprefix("mixed_")
        assert keras.backend.standardize_dtype(found.dtype) == kind
        found = value(keras.ops.cast(found, "float32"))
        near(found, np.clip(wanted, -65504, 65504), unit)


def every_layer_takes_every_type(name):
    x, given = np.clip(np.abs(data.data_for(name)) + 1, 1, 100), data.given_for(name)
    layer = made(name)
    whole = np.round(x)
    wanted = called(layer, whole.astype(np.float32), *given)
    kinds = ("float16", "float64", "uint8", "int16", "int32", "int64")
    for kind in kinds:
        found = called(layer, whole.astype(kind), *given)
        assert found.dtype == np.float32, kind
        near(found, wanted)
    brief = whole.astype(ml_dtypes.bfloat16)
    tensor = keras.ops.convert_to_tensor(brief.astype(np.float32), dtype="bfloat16")
    wanted = called(layer, brief.astype(np.float32), *given)
    near(called(layer, tensor, *given), wanted)


def every_layer_reloads(name):
    model = model_of(name)
    model.save(FOLDER / "model.keras")
    again = keras.saving.load_model(FOLDER / "model.keras")
    inputs = [data.data_for(name), *data.given_for(name)]
    np.testing.assert_array_equal(value(again(inputs)), value(model(inputs)))


def every_layer_config_is_what_was_passed(name):
    kind, arguments = data.EVERY[name]
    layer = made(name)
    config = layer.get_config()
    assert kind.from_config(config).get_config() == config
    untouched = kind(**arguments, name=layer.name).get_config()
    assert untouched == config, "a call or `adapt` changed it"


def every_layer_is_exported(name):
    model = model_of(name)
    model.export(FOLDER / "exported", verbose=False)
    inputs = [data.data_for(name), *data.given_for(name)]
    loaded = tf.saved_model.load(FOLDER / "exported")
    near(loaded.serve(inputs), value(model(inputs)))


def every_layer_takes_channels_first(name):
    kind, arguments = data.EVERY[name]
    last = kind(**{**arguments, "axis": -1})
    pixels = np.moveaxis(data.data_for(name), 1, -1)
    if name in layers_network.LAYERS:
        last.build(pixels.shape)
        last.set_weights(made(name).get_weights())
    elif isinstance(last, layers.Running):
        last(pixels, training=True)
    elif last.scheme.fitted_on_data:
        last.adapt(pixels)
    wanted = np.moveaxis(called(last, pixels), -1, 1)
    near(called(made(name), data.data_for(name)), wanted)


def every_layer_compiles_for_accelerators(name):
    x, given = data.data_for(name), data.given_for(name)
    layer = made(name)
    if name in layers_network.LAYERS:
        compiles_while_it_trains(name)
    if x.ndim > 2 and data.is_masked(layer):
        in_network = name in layers_network.LAYERS
        steps = x.shape[2 if in_network and name.startswith("first") else 1]
        given = (*given, np.arange(steps) < np.arange(len(x))[:, None] % 5)

        def run(x, *args):
            return first(layer(x, *args[:-1], mask=args[-1]))

    else:

        def run(*args):
            return first(layer(*args))

    wanted = value(run(*map(keras.ops.convert_to_tensor, (x, *given))))
    near(compiled_for_accelerators(run, x, *given), wanted)


def compiled_for_accelerators(run, *arrays):
    """What a function gives under XLA; raises if its graph would not run there."""
    if BACKEND == "tensorflow":
        compiled = tf.function(run, jit_compile=True)
        tensors = [tf.constant(one) for one in arrays]
        text = compiled.experimental_get_compiler_ir(*tensors)(stage="hlo")
        result = compiled(*tensors)
    else:
        import jax

        compiled = jax.jit(run)
        exported = jax.export.export(compiled, platforms=("cpu", "cuda", "tpu"))
        text = exported(*map(jax.numpy.asarray, arrays)).mlir_module()
        result = compiled(*arrays)
    found = _FORBIDDEN.search(text)
    assert found is None, text[found.start() - 200 : found.end() + 200]
    return result


def compiles_while_it_trains(name):
    """Raises unless a training step is the same under XLA: result, gradient, state."""
    x, layer = data.data_for(name), data.made(name)
    given, mode = data.given_for(name), _training(layer)
    trained = [w.value for w in layer.trainable_weights]
    state = [w.value for w in layer.non_trainable_weights]
    before = layer.get_weights()

    def step(x):
        if BACKEND == "jax":
            import jax

            def loss(x, trained):
                y, after = layer.stateless_call(trained, state, x, *given, **mode)
                return (first(y) ** 2).sum(), after

            found, after = jax.grad(loss, argnums=(0, 1), has_aux=True)(x, trained)
            return [found[0], *found[1], *after]
        variables = [w.value for w in layer.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(first(layer(x, *given, **mode)) ** 2)
        found = tape.gradient(loss, [x, *variables])
        return [*found, *(w.value for w in layer.non_trainable_weights)]

    wanted = list(map(value, step(keras.ops.convert_to_tensor(x))))
    layer.set_weights(before)
    found = compiled_for_accelerators(step, x)
    for one, other in zip(found, wanted, strict=True):
        assert np.isfinite(other).all()
        # A gradient is a difference of sums 16 times its size.
        near(value(one), other, 16 * _ROUNDINGS * contracts.ULP)


def every_layer_leaves_padding_out_or_hands_its_mask_on(name):
    x, given, layer = data.data_for(name), data.given_for(name), made(name)
    if x.ndim < 3 or not data.is_masked(layer):
        assert layer.supports_masking
        return
    steps = x.shape[1]
    mask = np.ones((len(x), steps + 2), bool)
    mask[:, steps:] = False
    mask[0] = False
    padded = np.concatenate([x, np.full_like(x[:, :2], 99)], axis=1)
    found = value(first(layer(padded, *given, mask=keras.ops.convert_to_tensor(mask))))
    if name in layers_network.OVER_THE_BATCH:
        # As in Keras; here by moving statistics, which no mask changes.
        assert np.isfinite(found).all()
        near(found[:, :steps], called(layer, x))
        return
    assert (found[0] == 0).all()
    assert (found[:, steps:] == 0).all()
    near(found[1:, :steps], called(layer, x, *given)[1:])


def every_layer_has_finite_gradients_of_constants(name):
    given, layer = data.given_for(name), data.made(name)
    gradient = _gradient_of(layer, given)
    for constant in data.constants_for(name):
        x = np.full_like(data.data_for(name), constant)
        # First, since no layer may be built while JAX compiles.
        assert np.isfinite(called(layer, x, *given)).all(), constant
        assert np.isfinite(gradient(x)).all(), constant


def every_layer_is_undone(name):
    x, given, layer = data.data_for(name), data.given_for(name), made(name)
    if not data.undoes(name):
        if not getattr(layer, "invertible", True):
            with pytest.raises(errors.NotInvertible):
                layers.Denormalize(layer)
        return
    outputs = layer(x, *given)
    more = outputs[1:] if isinstance(outputs, list | tuple) else given
    found = value(layers.Denormalize(layer)(first(outputs), *more))
    near(found, x, 8 * contracts.ULP)


def _gradient_of(layer, given):
    """Of the sum of squares of the results, while the layer trains if it can."""
    mode = _training(layer)
    if BACKEND == "tensorflow":

        def gradient(x):
            variable = tf.Variable(x)
            with tf.GradientTape() as tape:
                results = first(layer(variable.value(), *given, **mode))
                loss = tf.reduce_sum(results**2)
            return tape.gradient(loss, variable).numpy()

    elif BACKEND == "jax":
        import jax

        trained = [w.value for w in layer.trainable_weights]
        state = [w.value for w in layer.non_trainable_weights]

        def loss(t):
            if not mode:
                return (first(layer(t, *given)) ** 2).sum()
            y, _ = layer.stateless_call(trained, state, t, **mode)
            return (first(y) ** 2).sum()

        gradient = jax.jit(jax.grad(loss))
    else:
        import torch

        def gradient(x):
            tensor = torch.tensor(x, requires_grad=True)
            (first(layer(tensor, *given, **mode)) ** 2).sum().backward()
            return tensor.grad.numpy()

    return gradient


def _training(layer) -> dict:
    """What tells a layer within a network that it trains, if it does so at all."""
    kinds = {kind for kind, _ in layers_network.LAYERS.values()}
    told = "training" in inspect.signature(layer.call).parameters
    return {"training": True} if type(layer) in kinds and told else {}


CONTRACTS = {k: v for k, v in list(globals().items()) if k.startswith("every_layer_")}


def applies(contract: str, name: str, backend: str) -> bool:
    """Whether there is such a thing, for a layer and on a backend."""
    if name.startswith("first_") and backend != "tensorflow":
        # The same ops in another order: their results say it all.
        return contract == "every_layer_takes_channels_first"
    if contract == "every_layer_is_exported":
        return backend == "tensorflow"  # As a SavedModel.
    if name in layers_network.LAYERS and contract == "every_layer_is_undone":
        return False
    if name in layers_network.LAYERS and contract == "every_layer_runs_in_tf_data":
        return backend == "tensorflow"  # As Keras' own.
    if contract == "every_layer_compiles_for_accelerators":
        return backend != "torch"  # It has no XLA here.
    if contract == "every_layer_takes_channels_first":
        return name.startswith("first_")
    if contract == "every_layer_leaves_padding_out_or_hands_its_mask_on":
        return not name.startswith("first_")  # Axis 1 counts channels, not steps.
    return True


def tried(contract, name: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Keras 3.15 turns a variable into NumPy by the protocol of NumPy 1.
            warnings.filterwarnings("ignore", message="__array__ implementation")
            # What torch says of a machine with half a CUDA.
            warnings.filterwarnings("ignore", message="CUDA initialization")
            contract(name)
    except Exception:
        return traceback.format_exc()[-2500:]
    return None


if __name__ == "__main__":
    only = sys.argv[2:]
    results = {
        f"{contract}[{name}]": tried(function, name)
        for name in data.EVERY
        if not only or name in only
        for contract, function in CONTRACTS.items()
        if applies(contract, name, BACKEND)
    }
    (FOLDER / "results.json").write_text(json.dumps(results))
