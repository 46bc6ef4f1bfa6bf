# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Row numbers and identifiers are left out, and quantities like them are not."""

import hashlib

import numpy as np
import pytest

import tfnorm
from tfnorm import schemes


def rng():
    return np.random.default_rng(0)


def split(values, thirds=2):
    """What a split by hash leaves, as ExampleGen makes it."""
    digests = (hashlib.sha256(b"%d" % value).digest() for value in values)
    return values[[digest[0] % 3 < thirds for digest in digests]]


def reason(values) -> str:
    data = {"x": values, "other": rng().normal(size=len(values))}
    return tfnorm.suggest(tfnorm.analyze(data)).reasons["x"]


IDENTIFIERS = {
    "train split": split(np.arange(30_000)),
    "eval split": split(np.arange(30_000), thirds=1),
    "small split": split(np.arange(1, 3001)),
    "large split": 7_000_000 + split(np.arange(200_000)),
    "a lack": np.delete(np.arange(20_000), 777),
    "random": rng().choice(10**9, 20_000, replace=False),
    "few random": rng().choice(10**9, 2000, replace=False),
    "wide random": rng().integers(0, 2**63 - 1, 20_000),
}
SECONDS = 1_600_000_000
# Integers that are many and mostly different, but may be quantities.
DOUBTFUL = {
    "seconds": SECONDS + rng().integers(0, 10**9, 20_000),
    "cents": rng().normal(10**7, 10**6, 20_000).astype(int),
    "squares": np.arange(20_000) ** 2,
    "zip codes": rng().choice(100_000, 20_000),
}
QUANTITIES = {
    "seconds of a day": rng().integers(0, 86_400, 5000),
    "many seconds of a day": rng().integers(0, 86_400, 50_000),
    "drawn one by one": rng().integers(0, 30_000, 20_000),
    "more than there are numbers": rng().integers(0, 1000, 20_000),
    "two of each": np.repeat(np.arange(10_000), 2),
    "few": rng().choice(10**9, 50),
}


@pytest.mark.parametrize("case", IDENTIFIERS)
def test_row_numbers_and_identifiers_are_left_out(case):
    why = reason(IDENTIFIERS[case])
    assert why.startswith("Left out: ")
    assert "lie evenly from" in why


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_be_an_identifier_is_said_to(case):
    why = reason(DOUBTFUL[case])
    assert why.startswith("ZScore: whole numbers, nearly all different as far as")
    assert "exclude it if it is an identifier" in why


@pytest.mark.parametrize("case", QUANTITIES)
def test_quantities_are_normalized(case):
    assert reason(QUANTITIES[case]).startswith("ZScore: ")


@pytest.mark.parametrize("seed", range(20))
def test_numbers_drawn_one_by_one_are_not_taken_for_row_numbers(seed):
    generator = np.random.default_rng(seed)
    assert reason(generator.integers(0, 60_000, 20_000)).startswith("ZScore: ")


def test_identifiers_that_are_pinned_are_normalized():
    pins = tfnorm.Recipe({"x": schemes.MinMax()})
    found = tfnorm.suggest(tfnorm.analyze({"x": np.arange(2000) * 2}), pins=pins)
    assert found.recipe.features["x"].scheme == schemes.MinMax()
