# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Constants by key and by domain: parity with pandas, and what is unseen or rare."""

import os

import jax
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import torch

import tfnorm
from tests import contracts
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics

RNG = np.random.default_rng(0)
CARRIERS = np.array(["AA", "UA", "ÖS"])
ROWS = 300
WHICH = RNG.integers(0, 3, ROWS)
SPREAD = np.array([1, 10, 100])[WHICH]
DELAY = (RNG.normal(size=ROWS) * SPREAD + 50 * WHICH).astype(np.float32)
COLUMNS = {"delay": DELAY, "carrier": CARRIERS[WHICH], "hour": WHICH - 7}


def fitted(scheme, columns=COLUMNS):
    recipe = tfnorm.Recipe({"delay": scheme})
    return recipe.fit(tfnorm.analyze(columns, recipe))


def grouped(columns=COLUMNS, key="carrier"):
    frame = pd.DataFrame({"x": columns["delay"].astype(float), "k": columns[key]})
    return frame.groupby("k")["x"]


@pytest.mark.parametrize("key", ["carrier", "hour"])
def test_is_what_pandas_gives_within_groups(key):
    found = fitted(schemes.PerKey(schemes.ZScore(), key)).forward(COLUMNS)["delay"]
    groups = grouped(key=key)
    x = COLUMNS["delay"].astype(float)
    wanted = (x - groups.transform("mean")) / groups.transform("std", ddof=0)
    # Two roundings of 2**-24 of numbers up to 4.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2 * contracts.ULP)


@pytest.mark.parametrize(
    "scheme",
    [
        schemes.MinMax(out_of_range_policy="clip"),
        schemes.Robust(),
        schemes.Log("asinh"),
        schemes.PercentileClip(0.1, 0.9),
    ],
    ids=str,
)
def test_any_scheme_of_single_numbers_has_its_groups(scheme):
    found = fitted(schemes.PerKey(scheme, "carrier")).forward(COLUMNS)["delay"]
    for which in range(3):
        rows = which == WHICH
        alone = contracts.fitted(scheme, DELAY[rows])
        wanted = alone.forward(DELAY[rows])
        # 1 ulp, since NumPy's vectors and scalars round logarithms apart.
        np.testing.assert_allclose(found[rows], wanted, rtol=0, atol=1e-6)


def test_undoes_what_it_did():
    both = fitted(schemes.PerKey(schemes.ZScore(), "carrier"))
    again = both.inverse(both.forward(COLUMNS))["delay"]
    np.testing.assert_allclose(again, DELAY, rtol=0, atol=8 * contracts.ULP * 400)


UNSEEN = {"delay": DELAY[:2], "carrier": np.array(["UA", "ZZ"])}


def test_an_unseen_key_falls_back_to_all_rows():
    found = fitted(schemes.PerKey(schemes.ZScore(), "carrier")).forward(UNSEEN)
    every = contracts.fitted(schemes.ZScore(), DELAY)
    assert found["delay"][1] == every.forward(DELAY[1:2])[0]


def test_an_unseen_key_is_nan_on_request():
    scheme = schemes.PerKey(schemes.ZScore(), "carrier", unseen_key_policy="nan")
    found = fitted(scheme).forward(UNSEEN)["delay"]
    np.testing.assert_array_equal(np.isnan(found), [False, True])


def test_an_unseen_key_is_an_error_on_request():
    scheme = schemes.PerKey(schemes.ZScore(), "carrier", unseen_key_policy="raise")
    with pytest.raises(errors.DataError, match="'ZZ'"):
        fitted(scheme).forward(UNSEEN)


def test_a_missing_key_column_is_an_error():
    with pytest.raises(errors.RecipeError, match="'delay'.*'carrier'"):
        fitted(schemes.PerKey(schemes.ZScore(), "carrier")).forward({"delay": DELAY})


def test_a_key_without_a_valid_value_is_as_if_unseen():
    columns = {**COLUMNS, "delay": np.where(WHICH == 2, np.nan, DELAY)}
    both = fitted(schemes.PerKey(schemes.ZScore(), "carrier"), columns)
    assert both.maps["delay"].keys == ("AA", "UA")


def test_rare_keys_shrink_to_all_rows():
    scheme = schemes.PerKey(schemes.ZScore(), "carrier", shrinkage=50)
    maps = dict(zip(CARRIERS, fitted(scheme).maps["delay"].maps, strict=True))
    x = DELAY.astype(float)
    for which, carrier in enumerate(CARRIERS):
        own = x[which == WHICH]
        share = len(own) / (len(own) + 50)
        mean = share * own.mean() + (1 - share) * x.mean()
        square = share * (own**2).mean() + (1 - share) * (x**2).mean()
        np.testing.assert_allclose(maps[carrier].loc, mean, rtol=1e-12)
        np.testing.assert_allclose(
            maps[carrier].scale, np.sqrt(square - mean**2), rtol=1e-12
        )


def test_groups_do_not_depend_on_batches_or_order():
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "carrier")})
    order = np.random.default_rng(1).permutation(ROWS)
    shuffled = {name: column[order] for name, column in COLUMNS.items()}
    batches = [
        {k: v[i : i + 7] for k, v in shuffled.items()} for i in range(0, ROWS, 7)
    ]
    parts = [tfnorm.analyze(batch, recipe) for batch in batches]
    merged = tfnorm.Statistics()
    for part in parts:
        merged = merged.merge(part)
    whole = tfnorm.analyze(COLUMNS, recipe)
    assert merged.digest == tfnorm.analyze(batches, recipe).digest == whole.digest


def test_subtracting_the_last_rows_of_a_key_removes_it():
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "carrier")})
    some = {name: column[WHICH != 2] for name, column in COLUMNS.items()}
    rest = {name: column[WHICH == 2] for name, column in COLUMNS.items()}
    left = tfnorm.analyze(COLUMNS, recipe).subtract(tfnorm.analyze(rest, recipe))
    assert list(left) == list(tfnorm.analyze(some, recipe))


def test_the_artifact_keeps_groups(tmp_path):
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "carrier")})
    found = tfnorm.analyze(COLUMNS, recipe)
    found.save(tmp_path / "statistics")
    again = tfnorm.load_statistics(tmp_path / "statistics")
    assert recipe.fit(again) == recipe.fit(found)


MAP = fitted(schemes.PerKey(schemes.ZScore(), "hour")).maps["delay"]
NAMED = fitted(schemes.PerKey(schemes.ZScore(), "carrier")).maps["delay"]
PLACES = {
    "tensorflow": lambda x, k: MAP.forward(tf.constant(x), keys=tf.constant(k)),
    "XLA": lambda x, k: tf.function(
        lambda a, b: MAP.forward(a, keys=b), jit_compile=True
    )(tf.constant(x), tf.constant(k)),
    "tf.data": lambda x, k: next(
        iter(
            tf.data.Dataset.from_tensors((x, k)).map(
                lambda a, b: MAP.forward(a, keys=b)
            )
        )
    ),
    "jax.jit": lambda x, k: jax.jit(lambda a, b: MAP.forward(a, keys=b))(x, k),
    "torch": lambda x, k: MAP.forward(torch.tensor(x), keys=torch.tensor(k)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integer_keys_are_found_everywhere(place, dtype):
    keys = np.append(COLUMNS["hour"], [-8, -4, 100]).astype(dtype)
    x = np.append(DELAY, [1, 2, 3]).astype(np.float32)
    found = np.asarray(PLACES[place](x, keys))
    np.testing.assert_array_equal(found, MAP.forward(x, keys=keys))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 100])
def test_every_key_is_found_and_no_other(count):
    keys = tuple(range(0, 3 * count, 3))
    maps = tuple(bijectors.Affine(float(key), 1.0) for key in keys)
    one = bijectors.PerKey(keys, maps, bijectors.Affine(-1.0, 1.0), unseen="nan")
    asked = np.arange(-2, 3 * count + 2)
    found = one.forward(tf.zeros(len(asked)), keys=tf.constant(asked)).numpy()
    np.testing.assert_array_equal(found, np.where(np.isin(asked, keys), -asked, np.nan))


def test_text_of_tensorflow_is_found():
    text = [*COLUMNS["carrier"], "ZZ", ""]
    x = np.append(DELAY, [1, 2]).astype(np.float32)
    wanted = NAMED.forward(x, keys=np.array(text))
    for run in (lambda f: f, tf.function):
        found = run(lambda a, b: NAMED.forward(a, keys=b))(x, tf.constant(text))
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("one", [MAP, NAMED], ids=["integers", "text"])
def test_keys_of_another_kind_are_an_error(one):
    with pytest.raises(errors.DataError, match="float64 came"):
        one.forward(DELAY[:1], keys=np.array([1.0]))


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
def test_each_kept_element_has_constants_of_its_own(axis):
    x = RNG.normal(size=(50, 2, 3)).astype(np.float32)
    keys = RNG.integers(0, 4, 50)
    layer = layers.PerKey(axis=axis)
    layer.adapt(x, keys)
    found = np.asarray(layer(x, keys))
    for key in range(4):
        alone = layers.ZScore(axis=axis)
        alone.adapt(x[keys == key])
        np.testing.assert_array_equal(found[keys == key], alone(x[keys == key]))


def test_a_layer_adapts_to_batches_and_is_saved(tmp_path):
    layer = layers.PerKey(schemes.Robust())
    layer.adapt((DELAY[i : i + 9], WHICH[i : i + 9]) for i in range(0, ROWS, 9))
    x, keys = keras.Input(()), keras.Input((), dtype="int32")
    model = keras.Model([x, keys], layer(x, keys))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    wanted = fitted(schemes.PerKey(schemes.Robust(), "hour")).forward(COLUMNS)["delay"]
    np.testing.assert_array_equal(again([DELAY, WHICH.astype(np.int32)]), wanted)


def test_a_layer_takes_text():
    layer = layers.PerKey()
    layer.adapt(DELAY, COLUMNS["carrier"])
    wanted = fitted(schemes.PerKey(schemes.ZScore(), "carrier")).forward(COLUMNS)
    np.testing.assert_array_equal(layer(DELAY, COLUMNS["carrier"]), wanted["delay"])


def test_a_vocabulary_of_keys_outlasts_the_data():
    layer = layers.PerKey(keys=[2, 0, 9])
    x, keys = keras.Input(()), keras.Input((), dtype="int32")
    model = keras.Model([x, keys], layer(x, keys))
    layer.adapt(DELAY, WHICH)
    every = contracts.fitted(schemes.ZScore(), DELAY).forward(DELAY)
    own = layers.PerKey()
    own.adapt(DELAY, WHICH)
    found = np.asarray(model([DELAY, WHICH]))
    wanted = np.where(WHICH == 1, every, own(DELAY, WHICH))
    np.testing.assert_array_equal(found, wanted)
    assert (np.asarray(layer(DELAY, np.full(ROWS, 9))) == every).all()
    layer.adapt(DELAY * 2, WHICH + 7)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone([DELAY, WHICH + 7]), model([DELAY, WHICH + 7]))


def test_a_layer_of_other_keys_is_not_adapted():
    layer = layers.PerKey()
    with pytest.raises(errors.NotFittedError, match="keys"):
        layer(DELAY, WHICH)
    layer.adapt(DELAY, WHICH)
    with pytest.raises(errors.StatisticsError, match="3 keys"):
        layer.adapt(DELAY, WHICH * 2)


def test_statistics_by_any_column_make_a_layer():
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "hour")})
    found = tfnorm.analyze(COLUMNS, recipe)
    layer = layers.PerKey.from_statistics(found, feature="delay")
    wanted = recipe.fit(found).forward(COLUMNS)["delay"]
    np.testing.assert_array_equal(layer(DELAY, COLUMNS["hour"]), wanted)
    domains = {"delay": DELAY, "which": WHICH}
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "which")})
    found = tfnorm.analyze(domains, recipe)
    layer = layers.Adaptive.from_statistics(found, feature="delay", domains=3)
    assert layer.keys == (0, 1, 2)


@pytest.mark.parametrize("arguments", [{}, {"feature": "delay"}, {"feature": "x"}])
def test_statistics_without_keys_make_no_layer(arguments):
    found = tfnorm.analyze({"delay": DELAY})
    with pytest.raises(errors.StatisticsError, match="key"):
        layers.PerKey.from_statistics(found, **arguments)


def test_padding_enters_no_statistic_of_a_key():
    x = np.stack([DELAY, DELAY], axis=1)
    mask = np.array([[True, False]] * ROWS)
    padded, plain = layers.PerKey(axis=None), layers.PerKey(axis=None)
    padded.adapt(np.where(mask, x, 999), WHICH, mask=mask)
    plain.adapt(DELAY[:, None], WHICH)
    np.testing.assert_array_equal(padded(x, WHICH), plain(x, WHICH))


def test_an_array_without_keys_is_an_error():
    with pytest.raises(errors.DataError, match="keys"):
        layers.PerKey().adapt(DELAY)


def test_denormalize_takes_the_keys_too():
    layer = layers.PerKey()
    layer.adapt(DELAY, WHICH)
    again = layers.Denormalize(layer)(layer(DELAY, WHICH), WHICH)
    np.testing.assert_allclose(again, DELAY, rtol=0, atol=8 * contracts.ULP * 400)


def test_features_find_the_key_among_the_columns():
    both = fitted(schemes.PerKey(schemes.ZScore(), "carrier"))
    found = layers.Features(both)(
        {"delay": DELAY, "carrier": tf.constant(COLUMNS["carrier"])}
    )
    np.testing.assert_array_equal(found["delay"], both.forward(COLUMNS)["delay"])
    with pytest.raises(ValueError, match="'carrier'"):
        layers.Features(both)({"delay": DELAY})


@pytest.mark.parametrize(
    "make",
    [
        lambda: schemes.PerKey(schemes.Affine(), "k"),
        lambda: schemes.PerKey(schemes.PerKey(key="a"), "k"),
        lambda: schemes.PerKey(key=3),
        lambda: schemes.PerKey(schemes.Whitening(), "k", shrinkage=2.0),
        lambda: schemes.PerKey(schemes.ZScore(deviation="per_image"), "k"),
        lambda: schemes.PerKey(schemes.Chain((schemes.ZScore(),)), "k"),
        lambda: schemes.PerKey(key="k", shrinkage=-1),
        lambda: schemes.PerKey(key="k", unseen_key_policy="zero"),
        lambda: layers.PerKey(unseen_key_policy="raise"),
        lambda: layers.Adaptive(domains=0),
        lambda: layers.Adaptive(domains=2, router="best"),
        lambda: schemes.Learned(schemes.PerKey(key="k")),
        lambda: bijectors.PerKey((1, 1), (MAP.otherwise,) * 2, MAP.otherwise),
        lambda: bijectors.PerKey((1, "a"), (MAP.otherwise,) * 2, MAP.otherwise),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()


def test_columns_that_can_be_no_key_are_an_error():
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "noise")})
    with pytest.raises(errors.FeatureError, match="integers or text"):
        tfnorm.analyze({**COLUMNS, "noise": DELAY}, recipe)


def test_names_of_groups_tell_text_from_numbers():
    names = [statistics.group_name("x", "k", key) for key in (5, "5", 'a"=b')]
    assert names == ["x | k=5", 'x | k="5"', 'x | k="a\\"=b"']
    assert all(map(statistics.is_group, names))
    found = statistics.FeatureStatistics.of(DELAY)
    held = tfnorm.Statistics(dict.fromkeys(names[1:], found)).features
    assert list(held.by_key("x", "k")) == ["5", 'a"=b']
    assert list(held) == names[1:]


# Domains.


def of_domains(**kwargs):
    layer = layers.Adaptive(domains=3, **kwargs)
    layer.adapt(DELAY[:, None], WHICH)
    return layer


def test_a_domain_that_is_given_has_its_own_constants():
    found = of_domains()(DELAY[:, None], WHICH)
    wanted = layers.PerKey()
    wanted.adapt(DELAY[:, None], WHICH)
    np.testing.assert_array_equal(found, wanted(DELAY[:, None], WHICH))


def test_a_gate_that_is_sure_chooses_one_domain():
    layer = of_domains(router="gate")
    layer.build((None, 1))
    layer.bias.assign([-1e4, 0.0, -1e4])
    given = of_domains()(DELAY[:, None], np.full(ROWS, 1))
    np.testing.assert_array_equal(layer(DELAY[:, None]), given)


def test_a_gate_learns_which_domain_it_is():
    # The domains differ in their spread, so the size of a sample tells them.
    x = RNG.normal(size=(300, 8, 1)) * np.array([1, 10, 100])[WHICH][:, None, None]
    x = x.astype(np.float32) + np.array([0, 50, 500])[WHICH][:, None, None]
    layer = layers.Adaptive(domains=3, router="gate")
    layer.adapt(x, WHICH)
    inputs = keras.Input((8, 1))
    model = keras.Model(inputs, layer(inputs))
    of_key = layers.PerKey()
    of_key.adapt(x, WHICH)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    wanted = np.asarray(of_key(x, WHICH))
    before = model.evaluate(x, wanted, verbose=0)
    model.fit(x, wanted, epochs=30, verbose=0)
    assert model.evaluate(x, wanted, verbose=0) < before / 10


def test_a_domain_without_data_is_an_error():
    with pytest.raises(errors.DataError, match="no valid value of domain 3"):
        layers.Adaptive(domains=4).adapt(DELAY, WHICH)
    with pytest.raises(errors.DataError, match="a value of domain 2"):
        layers.Adaptive(domains=2).adapt(DELAY, WHICH)


@pytest.mark.parametrize("router", ["id", "gate"])
def test_layers_of_domains_are_saved(router, tmp_path):
    layer = of_domains(router=router)
    x, domain = keras.Input((1,)), keras.Input((), dtype="int32")
    given = (domain,) if router == "id" else ()
    model = keras.Model([x, *given], layer(x, *given))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inputs = [DELAY[:, None], WHICH.astype(np.int32)][: 1 + len(given)]
    np.testing.assert_array_equal(again(inputs), model(inputs))


# Learned constants.


def test_learned_constants_start_where_the_scheme_puts_them():
    layer, wanted = layers.Learned(schemes.Robust()), layers.Robust()
    for one in (layer, wanted):
        one.adapt(DELAY)
    np.testing.assert_array_equal(layer(DELAY), wanted(DELAY))
    assert len(layer.trainable_weights) == 2


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
def test_learning_does_not_depend_on_the_unit(unit):
    x = (5 + RNG.normal(size=(500, 3))).astype(np.float32) * np.float32(unit)
    layer = layers.Learned()
    layer.adapt(x)
    target = np.asarray(layer(x)).sum(1)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    assert model.fit(x, target, epochs=30, verbose=0).history["loss"][-1] < 0.01


def test_the_inverse_follows_what_is_learned():
    layer = layers.Learned()
    layer.adapt(DELAY)
    inputs = keras.Input(())
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(DELAY, DELAY / 100, epochs=2, verbose=0)
    y = layer(DELAY)
    assert not np.allclose(y, contracts.fitted(schemes.ZScore(), DELAY).forward(DELAY))
    again = layers.Denormalize(layer)(y)
    np.testing.assert_allclose(again, DELAY, rtol=0, atol=16 * contracts.ULP * 400)


def test_a_recipe_may_hold_learned_constants():
    both = fitted(schemes.Learned(schemes.ZScore()))
    layer = layers.Features(both)
    layer({"delay": DELAY})
    assert len(layer.trainable_weights) == 2


# The whole way.


def test_the_beam_job_finds_the_same_groups_in_files(tmp_path):
    recipe = tfnorm.Recipe({"delay": schemes.PerKey(schemes.ZScore(), "carrier")})
    frame = pd.DataFrame(COLUMNS)
    for part in range(3):
        frame[part::3].to_parquet(tmp_path / f"part-{part}.parquet")
    pattern = os.fspath(tmp_path / "*.parquet")
    found = tfnorm.beam.compute_statistics(pattern, recipe, tmp_path / "statistics")
    assert found.digest == tfnorm.analyze(COLUMNS, recipe).digest


def test_a_baked_model_takes_the_key_of_each_row(tmp_path):
    feature = tfnorm.Feature(
        schemes.PerKey(schemes.ZScore(), "carrier"), missing="impute"
    )
    both = fitted(feature)
    inputs = {"delay": keras.Input((), name="delay")}
    outputs = keras.layers.Dense(1)(keras.layers.Reshape((1,))(inputs["delay"]))
    model = keras.Model(inputs, outputs)
    tfnorm.bake(model, both, tmp_path / "model")
    serve = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    names = tf.constant([*COLUMNS["carrier"][:5], "unseen"])
    found = serve(delay=tf.constant(DELAY[:6]), carrier=names)["prediction"]
    columns = {"delay": DELAY[:6], "carrier": names.numpy()}
    wanted = model({"delay": both.forward(columns)["delay"]})
    np.testing.assert_array_equal(found, wanted)


def test_a_target_by_key_is_not_baked(tmp_path):
    both = fitted(schemes.PerKey(schemes.ZScore(), "carrier"))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    with pytest.raises(errors.RecipeError, match="'delay'.*by key"):
        tfnorm.bake(model, both, tmp_path / "model", target="delay")
