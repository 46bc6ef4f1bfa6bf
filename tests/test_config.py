# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Configuration survives JSON, and says what is wrong with it."""

import dataclasses
import json

import numpy as np
import pytest

from tfnorm import config
from tfnorm import errors
from tfnorm import schemes


@config.register
@dataclasses.dataclass(frozen=True)
class Leaf:
    number: float | None = None
    name: str = "leaf"
    numbers: tuple[float, ...] = ()


@config.register("tests.Tree")
@dataclasses.dataclass(frozen=True)
class Tree:
    root: Leaf
    leaves: dict[str, Leaf] = dataclasses.field(default_factory=dict)
    weights: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)


VALUES = [
    Leaf(),
    Leaf(float("inf"), "inf", (float("-inf"), 0.1, -0.0, 5e-324)),
    Leaf(3, "nan"),
    Tree(Leaf(1.0), {"type": Leaf(2.0), "b": Leaf(3.0)}, {"w": (float("inf"), 1.0)}),
    schemes.MinMax(out_of_range_policy="nan"),
    schemes.Log("log", then=schemes.PercentileClip(0.1, 0.9)),
    schemes.Affine(loc=((1.0, 2.0), (3.0, 4.0)), scale=2.0),
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_what_is_registered_round_trips(value):
    assert config.loads(config.dumps(value)) == value


def test_nan_round_trips_as_a_number():
    back = config.loads(config.dumps(Leaf(float("nan"), "nan")))
    assert np.isnan(back.number)
    assert back.name == "nan"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(1.5), 1.5),
        (np.array([np.nan, np.inf, -np.inf]), ["nan", "inf", "-inf"]),
        ((1, (2.0, None, "x")), [1, [2.0, None, "x"]]),
    ],
    ids=repr,
)
def test_encodes_as_python_numbers(value, expected):
    encoded = config.encode(value)
    assert encoded == expected
    assert json.loads(json.dumps(encoded, allow_nan=False)) == expected


def test_text_does_not_depend_on_the_order_of_keys():
    assert config.dumps({"a": 1, "b": 2}) == config.dumps({"b": 2, "a": 1})


def test_text_ends_with_a_newline():
    assert config.dumps(Leaf()).endswith("}\n")


def test_a_field_with_a_default_may_be_left_out():
    assert config.loads('{"type": "ZScore"}') == schemes.ZScore()


MISTAKES = [
    ('{"type": "Zscore"}', "Unknown type 'Zscore'. Known types: .*ZScore"),
    ('{"type": "ZScore", "centre": true}', "'ZScore' has no field 'centre'.*center"),
    ('{"type": "tests.Tree"}', "'tests.Tree' needs the field 'root'"),
    ('{"type": "MinMax", "low": 2}', "'MinMax': .low, high. must be two finite"),
    ('{"type": "MinMax", "low": "a"}', "'MinMax'"),
    ('{"type": "ZScore"', "Not JSON"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_says_what_is_wrong(text, message):
    with pytest.raises(errors.RecipeError, match=message):
        config.loads(text)


def test_a_mapping_may_hold_a_string_under_type():
    value = {"type": "floating", "other": "integer"}
    assert config.loads(config.dumps(value)) == value


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1, 2}}])
def test_refuses_what_json_cannot_hold(value):
    with pytest.raises(TypeError):
        config.encode(value)


def test_refuses_a_class_that_is_no_dataclass():
    with pytest.raises(TypeError, match="not a dataclass"):
        config.register(type("Plain", (), {}))


def test_refuses_a_name_that_is_taken():
    @dataclasses.dataclass(frozen=True)
    class Other:
        pass

    with pytest.raises(TypeError, match="registered for"):
        config.register("ZScore")(Other)


def test_refuses_a_field_that_hides_the_name():
    @dataclasses.dataclass(frozen=True)
    class Typed:
        type: str

    with pytest.raises(TypeError, match="would hide"):
        config.register(Typed)
