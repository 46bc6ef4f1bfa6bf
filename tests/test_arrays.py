# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Frameworks are told apart, and constants cross into them in one place."""

import platform
import subprocess
import sys

import jax
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tests import contracts
from tfnorm import arrays

X = np.arange(6, dtype=np.float32).reshape(2, 3)
TENSORS = {
    "numpy": X,
    "tensorflow": tf.constant(X),
    "jax": jax.numpy.asarray(X),
    "torch": torch.tensor(X),
    "keras": keras.KerasTensor((2, 3), "float32"),
}
every_framework = pytest.mark.parametrize("name", TENSORS)


@every_framework
def test_names_the_framework(name):
    assert arrays.framework(TENSORS[name]) == name


@pytest.mark.parametrize(
    ("x", "name"),
    [
        (tf.Variable(X), "tensorflow"),
        (torch.nn.Parameter(torch.tensor(X)), "torch"),
        (X[0, 0], "numpy"),
        (contracts.array(X, "bfloat16"), "numpy"),
        (3.5, "numpy"),
        (None, "numpy"),
    ],
)
def test_names_the_framework_of_relatives(x, name):
    assert arrays.framework(x) == name


def test_names_the_framework_of_a_tracer():
    names = []
    jax.jit(lambda x: names.append(arrays.framework(x)))(X)
    assert names == ["jax"]


@every_framework
def test_namespace_has_what_formulas_use(name):
    xp = arrays.namespace(TENSORS[name])
    functions = "abs arcsinh exp expm1 isnan log log10 log1p maximum sign sinh where"
    assert all(hasattr(xp, function) for function in functions.split())


@every_framework
def test_names_the_type_of_elements(name):
    assert arrays.dtype_name(TENSORS[name]) == "float32"


@every_framework
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "float32"])
def test_casts(name, dtype):
    if name == "jax" and dtype == "int64":
        dtype = "int32"
    assert arrays.dtype_name(arrays.cast(TENSORS[name], dtype)) == dtype


@pytest.mark.parametrize("dtype", contracts.DTYPES)
def test_computes_in_float32_or_float64(dtype):
    x = contracts.array([1], dtype)
    assert arrays.compute_dtype(x) == ("float64" if dtype == "float64" else "float32")


@pytest.mark.parametrize(
    "x", [np.array(["a"]), np.array([None]), np.array([1j]), tf.constant("a")]
)
def test_refuses_what_is_no_number(x):
    with pytest.raises(TypeError, match="Expected numbers, got elements of type"):
        arrays.compute_dtype(x)


@every_framework
def test_constants_become_tensors_of_the_framework(name):
    constant = arrays.constants(np.float32([1, 2, 3]), like=TENSORS[name])
    # A symbolic tensor of Keras meets those of its backend.
    expected = keras.backend.backend() if name == "keras" else name
    assert arrays.framework(constant) == expected
    assert arrays.dtype_name(constant) == "float32"


def test_constants_follow_the_device():
    like = torch.empty(3, device="meta")
    assert arrays.constants(np.zeros(3), like=like).device.type == "meta"


def test_a_read_only_constant_crosses_into_torch():
    value = np.zeros(3)
    value.setflags(write=False)
    assert arrays.constants(value, like=TENSORS["torch"]).shape == (3,)


def test_a_tensor_is_a_constant_as_it_is():
    tensor = TENSORS["tensorflow"]
    assert arrays.constants(tensor, like=tensor) is tensor


def test_a_keras_variable_is_a_constant_by_its_value():
    variable = keras.Variable(X)
    constant = arrays.constants(variable, like=TENSORS["tensorflow"])
    np.testing.assert_array_equal(arrays.cast(constant, "float64"), X)


@pytest.mark.parametrize(
    ("axis", "rank", "expected"),
    [
        (-1, 2, (1,)),
        (1, 4, (1,)),
        ((3, 1), 4, (1, 3)),
        ((-1, -2), 3, (1, 2)),
        ((), 3, ()),
        (-1, 1, ()),
    ],
)
def test_kept_axes_are_sorted_and_positive(axis, rank, expected):
    assert arrays.kept_axes(axis, rank) == expected


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (0, "Axis 0 counts the rows"),
        (4, "not among"),
        (-5, "not among"),
        ((1, -3), "twice"),
    ],
)
def test_refuses_axes_that_cannot_be_kept(axis, message):
    with pytest.raises(ValueError, match=message):
        arrays.kept_axes(axis, 4)


@pytest.mark.parametrize(
    ("shape", "axis", "rank", "expected"),
    [
        ((3,), -1, 4, (3,)),
        ((3,), 1, 4, (3, 1, 1)),
        ((2, 3), (1, 3), 4, (2, 1, 3)),
        ((2, 3), (2, 3), 4, (2, 3)),
        ((), 1, 4, ()),
    ],
)
@pytest.mark.parametrize("name", ["numpy", "tensorflow", "jax", "torch"])
def test_constants_broadcast_along_axes(shape, axis, rank, expected, name):
    value = arrays.constants(np.zeros(shape, np.float32), like=TENSORS[name])
    assert tuple(arrays.broadcast(value, axis, rank).shape) == expected


def test_refuses_constants_of_another_rank():
    with pytest.raises(ValueError, match="2 axes are kept"):
        arrays.broadcast(np.zeros(3), (1, 2), 4)


@pytest.mark.parametrize("name", ["numpy", "tensorflow", "jax", "torch"])
def test_flips(name):
    np.testing.assert_array_equal(arrays.flip(TENSORS[name], -1), X[:, ::-1])


@pytest.mark.parametrize("name", ["numpy", "tensorflow", "jax", "torch"])
def test_rounds_halves_to_even(name):
    halves = arrays.constants(np.float32([0.5, 1.5, -2.5]), like=TENSORS[name])
    np.testing.assert_array_equal(arrays.rounded(halves), [0.0, 2.0, -2.0])


@pytest.mark.parametrize("name", ["numpy", "tensorflow", "jax", "torch"])
def test_finds_the_largest_of_each_sample(name):
    np.testing.assert_array_equal(
        arrays.reduce("max", TENSORS[name], (1,)), [[2.0], [5.0]]
    )


def test_imports_no_framework():
    code = (
        "import sys; from tfnorm import arrays, bijectors, schemes; "
        "print(sorted({'tensorflow', 'jax', 'torch', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert done.stdout == "[]\n"


KEPT = """
import resource
import numpy as np
from tfnorm import arrays
arrays.keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    [np.ones(1 << 17) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_dropped_arrays_leave_their_memory_to_the_next():
    done = subprocess.run(
        [sys.executable, "-c", KEPT], capture_output=True, text=True, check=True
    )
    # Of 256 pages each, they take 100,000 page faults where nothing is kept.
    assert int(done.stdout) < 10_000 or platform.libc_ver()[0] != "glibc"
