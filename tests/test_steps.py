# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps of a series are cut, taken and packed alike in every framework."""

import numpy as np
import pytest
import tensorflow as tf

from tests import backends
from tfnorm import arrays
from tfnorm.bijectors import recurrence

X = np.arange(60, dtype=np.float32).reshape(3, 10, 2)
every_place = pytest.mark.parametrize("place", backends.PLACES)


@every_place
@pytest.mark.parametrize("length", [1, 4, 5, 10, 12])
def test_blocks_are_put_together_again(place, length):
    def there_and_back(x):
        cut = arrays.blocks(x, 1, length)
        assert cut.shape[2] == length
        return arrays.unblocked(cut, 1, arrays.size(x, 1))

    found = backends.PLACES[place](there_and_back, X)
    np.testing.assert_array_equal(found, X)


@every_place
def test_takes_steps_of_each_row_and_of_all(place):
    of_each = np.array([[9, 0], [1, 1], [4, 3]], np.int32)
    of_all = np.array([[7, 2, 2]], np.int32)

    def taken(x):
        steps = [arrays.constants(value, like=x) for value in (of_each, of_all)]
        return arrays.joined([arrays.take_steps(x, one) for one in steps], 1)

    found = backends.PLACES[place](taken, X)
    wanted = np.stack([X[i][[*of_each[i], 7, 2, 2]] for i in range(3)])
    np.testing.assert_array_equal(found, wanted)


@every_place
def test_packs_what_counts_and_puts_it_back(place):
    mask = np.arange(10) % np.array([[2], [3], [11]]) == 1

    def running(x):
        packed = arrays.Packed(x, arrays.constants(mask, like=x))
        return packed.back(packed.steps + arrays.shifted(packed.steps, 1, 1, 0.0))

    found = backends.PLACES[place](running, X)
    wanted = np.zeros_like(X)
    for row in range(3):
        there = X[row, mask[row]]
        wanted[row, mask[row]] = there + np.pad(there, [(1, 0), (0, 0)])[:-1]
    np.testing.assert_array_equal(found, wanted)


def test_sizes_may_be_unknown():
    spec = tf.TensorSpec((None, None, 2), tf.float32)

    @tf.function(input_signature=[spec])
    def there_and_back(x):
        return arrays.unblocked(arrays.blocks(x, 1, 4), 1, arrays.size(x, 1))

    np.testing.assert_array_equal(there_and_back(tf.constant(X)), X)


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 100])
@pytest.mark.parametrize("weight", [1e-3, 0.1, 0.999])
def test_a_recurrence_is_that_of_a_loop(steps, weight):
    x = np.random.default_rng(0).normal(size=(2, steps, 3))
    found = recurrence.smoothed(
        x, np.float64(weight), lambda _, smooth: smooth, start=2.0, least=weight
    )
    wanted, state = [], 2.0
    for step in np.moveaxis(x, 1, 0):
        state = state + weight * (step - state)
        wanted.append(state)
    np.testing.assert_allclose(found, np.stack(wanted, 1), rtol=1e-12)


def test_data_without_steps_are_an_error():
    with pytest.raises(ValueError, match="rows, steps"):
        arrays.axis_of_steps(-1, 1)
