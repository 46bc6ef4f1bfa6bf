# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Arrays and tensors of any framework, and how constants become either."""

import collections.abc
import functools
import sys
import typing

import numpy as np

_FRAMEWORKS = {
    "numpy": "numpy",
    "ml_dtypes": "numpy",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "jaxlib": "jax",
    "torch": "torch",
    "keras": "keras",
}


@functools.lru_cache(maxsize=1024)
def _framework_of(kind: type) -> str:
    for ancestor in kind.__mro__:
        root = ancestor.__module__.partition(".")[0]
        if root in _FRAMEWORKS:
            return _FRAMEWORKS[root]
    return "numpy"


def framework(x: typing.Any) -> str:
    """Names the framework that `x` belongs to.

    No framework is imported to find out. What is unknown (a list, a number, a
    pandas Series) counts as NumPy's.

    Example:

    >>> framework(np.zeros(3)), framework([1, 2])
    ('numpy', 'numpy')
    """
    return _framework_of(type(x))


def namespace(x: typing.Any) -> typing.Any:
    """Returns the module whose NumPy-like functions take `x`."""
    name = framework(x)
    if name == "numpy":
        return np
    module = sys.modules[name]
    if name == "tensorflow":
        return module.experimental.numpy
    if name == "jax":
        return module.numpy
    if name == "keras":
        return module.ops
    return module


def asarray(x: typing.Any) -> typing.Any:
    """Returns a tensor as it is, and anything else as a NumPy array."""
    if framework(x) == "numpy":
        return x if isinstance(x, np.ndarray | np.generic) else np.asarray(x)
    return _unwrapped(x)


def _unwrapped(x: typing.Any) -> typing.Any:
    # A Keras variable is not a tensor; its `value` is one of the backend.
    if framework(x) == "keras" and hasattr(x, "value"):
        return x.value
    return x


def dtype_name(x: typing.Any) -> str:
    """Names the element type in the same way for every framework.

    Example:

    >>> dtype_name(np.zeros(3, np.uint8))
    'uint8'
    """
    dtype = x.dtype
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def compute_dtype(x: typing.Any) -> str:
    """Names the type that maps compute in and return: never below float32.

    Raises:
        TypeError: If `x` does not hold numbers.

    Example:

    >>> compute_dtype(np.zeros(3, np.float16)), compute_dtype(np.zeros(3))
    ('float32', 'float64')
    """
    name = dtype_name(x)
    if name == "float64":
        return name
    if name.startswith(("float", "bfloat", "int", "uint", "bool")):
        return "float32"
    raise TypeError(f"Expected numbers, got elements of type {name!r}.")


def integer_bits(x: typing.Any) -> int:
    """Returns the width of integer elements, or 0 if they are not integers.

    Example:

    >>> integer_bits(np.zeros(3, np.uint16)), integer_bits(np.zeros(3))
    (16, 0)
    """
    name = dtype_name(x).removeprefix("u")
    digits = name.removeprefix("int")
    return int(digits) if name.startswith("int") and digits.isdigit() else 0


def rank(x: typing.Any) -> int:
    """Returns the number of axes of `x`, which must be known."""
    return len(x.shape)


def cast(x: typing.Any, dtype: str) -> typing.Any:
    """Converts the elements of `x` to the type called `dtype`."""
    x = _unwrapped(x)
    if dtype_name(x) == dtype:
        return x
    name = framework(x)
    if name == "tensorflow":
        return sys.modules[name].cast(x, dtype)
    if name == "torch":
        return x.to(getattr(sys.modules[name], dtype))
    if name == "keras":
        return sys.modules[name].ops.cast(x, dtype)
    return x.astype(dtype)


def constants(value: typing.Any, *, like: typing.Any) -> typing.Any:
    """Turns a NumPy array into a tensor of the framework (and device) of `like`.

    This is the one place where constants cross into tensors. A value that is a
    tensor already is returned as it is.

    Args:
        value: NumPy array or number; its type is kept.
        like: Array or tensor that the constant will be combined with.
    """
    if framework(value) != "numpy":
        return _unwrapped(value)
    name = framework(like)
    value = np.asarray(value)
    if name == "tensorflow":
        return sys.modules[name].constant(value)
    if name == "jax":
        return sys.modules[name].numpy.asarray(value)
    if name == "torch":
        # `tensor` copies; `as_tensor` would warn about read-only arrays.
        return sys.modules[name].tensor(value, device=like.device)
    if name == "keras":
        return sys.modules[name].ops.convert_to_tensor(value)
    return value


def full(value: float, *, like: typing.Any) -> typing.Any:
    """Returns the number `value` as a tensor of the type of `like`."""
    return cast(constants(np.float32(value), like=like), dtype_name(like))


def rounded(x: typing.Any) -> typing.Any:
    """Rounds to the nearest integer, halves to even."""
    name = framework(x)
    # `tf.experimental.numpy.round` needs methods that plain tensors lack.
    return sys.modules[name].round(x) if name == "tensorflow" else namespace(x).round(x)


def flip(x: typing.Any, axis: int) -> typing.Any:
    """Reverses the order along one axis."""
    if framework(x) == "torch":
        return sys.modules["torch"].flip(x, (axis,))
    return namespace(x).flip(x, axis)


def reduce(kind: str, x: typing.Any, axes: tuple[int, ...]) -> typing.Any:
    """Returns the "sum", "mean", "min" or "max" over axes, which keep size 1."""
    if not axes:
        return x
    name = framework(x)
    if name == "torch":
        function = {"min": "amin", "max": "amax"}.get(kind, kind)
        return getattr(sys.modules[name], function)(x, dim=axes, keepdim=True)
    if name == "tensorflow":
        # Its NumPy's sums widen integers.
        function = getattr(sys.modules[name], f"reduce_{kind}")
        return function(x, axis=axes, keepdims=True)
    return getattr(namespace(x), kind)(x, axis=axes, keepdims=True)


def as_written(
    function: collections.abc.Callable, *, like: typing.Any
) -> collections.abc.Callable:
    """Returns a function that TensorFlow runs as it stands while it traces a graph.

    AutoGraph would rewrite it first, and all that it calls, which takes five times as
    long as to trace it. What has no Python branch on tensors needs none of it.
    """
    name = framework(like)
    if name != "tensorflow":
        return function
    return sys.modules[name].autograph.experimental.do_not_convert(function)


def fence(value: typing.Any, x: typing.Any) -> typing.Any:
    """Returns `value`, kept apart from what is added to it next.

    TensorFlow's Grappler and XLA both rewrite `(x - a) - b` into `x - (a + b)`
    where `a` and `b` are constants of a compiled graph, which drops a `b` below
    the last place of `a`. A selection between the two subtractions stops them.
    It changes no number and no gradient.

    Args:
        value: Computed from `x`, and NaN only where `x` is.
        x: What it was computed from.
    """
    name = framework(value)
    if name == "tensorflow":
        needed = not sys.modules[name].executing_eagerly()
    elif name == "jax":
        needed = isinstance(value, sys.modules[name].core.Tracer)
    else:
        needed = False
    if not needed:
        return value
    xp = namespace(value)
    return xp.where(xp.isnan(value), x, value)
