# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The pages say what the code does."""

import doctest

import pytest

from docs import make_schemes


def test_the_page_of_schemes_is_not_stale():
    assert make_schemes.PAGE.read_text(encoding="utf-8") == make_schemes.page()


def test_every_layer_has_a_row():
    rows = {*make_schemes.LAYERS, *make_schemes.NETWORK}
    assert rows == make_schemes.layers_there()


@pytest.mark.parametrize("name", ["comparing.md", "statistics.md", "suggesting.md"])
def test_the_examples_of_a_page_are_true(name):
    page = make_schemes.PAGE.with_name(name)
    tried = doctest.testfile(str(page), module_relative=False)
    assert tried.failed == 0
    assert tried.attempted > 5
