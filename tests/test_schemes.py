# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every scheme obeys the laws, agrees with its peers, and says what is wrong."""

import keras
import numpy as np
import pytest
import sklearn.preprocessing

from tests import contracts
from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm import schemes
from tfnorm import statistics

ROWS = list(schemes.REGISTRY.values())
NAMES = list(schemes.REGISTRY)
every_scheme = pytest.mark.parametrize("row", ROWS, ids=NAMES)


def rows_of(condition):
    chosen = {n: row for n, row in schemes.REGISTRY.items() if condition(row)}
    return pytest.mark.parametrize("row", list(chosen.values()), ids=list(chosen))


fitted_scheme = rows_of(lambda row: row.scheme.fitted_on_data)


def map_of(row):
    x = contracts.samples(row.domain)
    return contracts.fitted(row.scheme, x), x


@every_scheme
def test_gives_the_same_numbers_everywhere(row):
    contracts.assert_same_everywhere(*map_of(row))


@every_scheme
def test_is_right_within_float32(row):
    contracts.assert_right(*map_of(row))


@rows_of(lambda row: row.inverse == "everywhere")
def test_inverts(row):
    contracts.assert_inverts(*map_of(row))


@rows_of(lambda row: row.inverse == "inside")
def test_inverts_what_was_not_clipped(row):
    bijector, x = map_of(row)
    low, high = np.quantile(x, [0.11, 0.89], axis=0)
    contracts.assert_inverts(bijector, np.clip(x, low, high).astype(np.float32))


@rows_of(lambda row: row.inverse == "nowhere")
def test_says_that_it_has_no_inverse(row):
    contracts.assert_not_invertible(*map_of(row))


@every_scheme
def test_scheme_round_trips_as_json(row):
    contracts.assert_round_trips(row.scheme)


@every_scheme
def test_fitted_map_round_trips_as_json(row):
    contracts.assert_round_trips(map_of(row)[0])


@every_scheme
def test_takes_every_type(row):
    values = np.random.default_rng(0).integers(1, 128, (32, 3))
    contracts.assert_takes_every_type(contracts.fitted(row.scheme, values), values)


@rows_of(lambda row: row.domain != "mel")
def test_keeps_nan(row):
    contracts.assert_keeps_nan(*map_of(row))


@every_scheme
def test_template_has_the_constants_of_a_fitted_map(row):
    bijector, x = map_of(row)
    contracts.assert_like_template(row.scheme, bijector, x.shape[-1:])


@every_scheme
def test_schemes_are_hashable_values(row):
    assert hash(row.scheme) == hash(config.decode(config.encode(row.scheme)))


@rows_of(lambda row: row.scheme.fitted_on_data and row.inverse == "everywhere")
def test_a_constant_is_not_blown_up(row):
    bijector = contracts.fitted(row.scheme, np.full((9, 1), 7.0))
    y = bijector.forward(np.array([[7.0], [8.0], [1e6]]))
    assert (np.abs(y) <= 1e6).all()


@fitted_scheme
def test_without_a_valid_value_there_is_an_error(row):
    with pytest.raises(errors.EmptyDataError, match="no valid value came at 1"):
        contracts.fitted(row.scheme, np.array([[1.0, np.nan], [2.0, np.nan]]))


@fitted_scheme
def test_without_any_row_there_is_an_error(row):
    with pytest.raises(errors.EmptyDataError):
        row.scheme.fit(statistics.FeatureStatistics())


CENTERING = (
    schemes.ZScore(),
    schemes.MinMax(),
    schemes.MinMax(0, 5),
    schemes.MeanRange(),
    schemes.Robust(),
    schemes.Robust(unit_variance=True),
)


@pytest.mark.parametrize("scheme", CENTERING, ids=str)
def test_centers_but_does_not_scale_a_constant(scheme):
    bijector = contracts.fitted(scheme, np.full((1000, 1), 0.1))
    y = bijector.forward(np.array([[0.1], [1.1]]))
    # The constant is that of float64; 1.1 has an error of its own.
    np.testing.assert_allclose(y, [[0.0], [1.0]], rtol=0, atol=2.0**-52)


@pytest.mark.parametrize(
    "scheme",
    [
        schemes.ZScore(zero_scale_policy="raise"),
        schemes.MinMax(zero_scale_policy="raise"),
        schemes.MaxAbs("raise"),
        schemes.MeanRange("raise"),
        schemes.Robust(zero_scale_policy="raise"),
    ],
    ids=str,
)
def test_refuses_a_constant_on_request(scheme):
    x = np.array([[1.0, 0.0], [2.0, 0.0]])
    with pytest.raises(errors.DataError, match="no spread at 1"):
        contracts.fitted(scheme, x)


def test_last_bit_noise_counts_as_constant():
    x = np.array([0.1, np.nextafter(0.1, 1)])
    assert contracts.fitted(schemes.ZScore(), x).scale == 1.0


def test_a_small_but_true_deviation_is_no_constant():
    x = 1e6 + np.array([0.0, 1e-6])
    assert contracts.fitted(schemes.ZScore(), x).scale == x.std()


SKEWED = np.random.default_rng(0).lognormal(sigma=2, size=(500, 4)) - [0, 1, 5, 100]
TAILS = np.where(np.random.default_rng(1).random((500, 4)) < 0.01, np.nan, SKEWED)

PEERS = {
    "StandardScaler": (schemes.ZScore(), sklearn.preprocessing.StandardScaler()),
    "StandardScaler(with_mean=False)": (
        schemes.ZScore(False),
        sklearn.preprocessing.StandardScaler(with_mean=False),
    ),
    "StandardScaler(with_std=False)": (
        schemes.ZScore(scale=False),
        sklearn.preprocessing.StandardScaler(with_std=False),
    ),
    "MinMaxScaler": (schemes.MinMax(), sklearn.preprocessing.MinMaxScaler()),
    "MinMaxScaler((-3, 7), clip=True)": (
        schemes.MinMax(-3, 7, out_of_range_policy="clip"),
        sklearn.preprocessing.MinMaxScaler((-3, 7), clip=True),
    ),
    "MaxAbsScaler": (schemes.MaxAbs(), sklearn.preprocessing.MaxAbsScaler()),
    "RobustScaler": (schemes.Robust(), sklearn.preprocessing.RobustScaler()),
    "RobustScaler(unit_variance=True)": (
        schemes.Robust((0.1, 0.8), unit_variance=True),
        sklearn.preprocessing.RobustScaler(quantile_range=(10, 80), unit_variance=True),
    ),
    "RobustScaler(with_centering=False)": (
        schemes.Robust(center=False),
        sklearn.preprocessing.RobustScaler(with_centering=False),
    ),
    "RobustScaler(with_scaling=False)": (
        schemes.Robust(scale=False),
        sklearn.preprocessing.RobustScaler(with_scaling=False),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_agrees_with_scikit_learn(name):
    scheme, peer = PEERS[name]
    expected = peer.fit(TAILS).transform(SKEWED * 1.5)
    actual = contracts.fitted(scheme, TAILS).forward(SKEWED * 1.5)
    # Our scale is one float32: 2**-24 of each number, and 2**-24 of the range.
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22, atol=2.0**-22)


@pytest.mark.parametrize("name", PEERS)
def test_inverse_agrees_with_scikit_learn(name):
    scheme, peer = PEERS[name]
    y = np.random.default_rng(2).random((50, 4))
    expected = peer.fit(TAILS).inverse_transform(y)
    actual = contracts.fitted(scheme, TAILS).inverse(y)
    sizes = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(actual / sizes, expected / sizes, rtol=0, atol=2.0**-22)


def test_mean_range_is_its_formula():
    x = SKEWED
    expected = (x - x.mean(0)) / (x.max(0) - x.min(0))
    actual = contracts.fitted(schemes.MeanRange(), x).forward(x)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22, atol=2.0**-40)


def test_percentile_clip_is_its_formula():
    x = SKEWED
    low, high = np.quantile(x, [0.05, 0.9], axis=0)
    expected = (np.clip(x, low, high) - low) / (high - low)
    actual = contracts.fitted(schemes.PercentileClip(0.05, 0.9), x).forward(x)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22, atol=2.0**-22)


def test_percentile_clip_fits_the_next_scheme_to_clipped_data():
    x = SKEWED
    clipped = np.clip(x, *np.quantile(x, [0.3, 0.6], axis=0))
    expected = contracts.fitted(schemes.MaxAbs(), clipped).forward(clipped)
    scheme = schemes.PercentileClip(0.3, 0.6, then=schemes.MaxAbs())
    actual = contracts.fitted(scheme, x).forward(x)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22)


def test_percentile_clip_takes_a_falling_map():
    scheme = schemes.PercentileClip(0.25, 0.75, then=schemes.Affine(0.0, -1.0))
    y = contracts.fitted(scheme, np.arange(5.0)).forward(np.arange(5.0))
    np.testing.assert_array_equal(y, [-1.0, -1.0, -2.0, -3.0, -3.0])


@pytest.mark.parametrize("then", [schemes.ZScore(), schemes.MeanRange()], ids=str)
def test_percentile_clip_refuses_what_takes_a_second_pass(then):
    with pytest.raises(ValueError, match="needs moments of the clipped data"):
        schemes.PercentileClip(then=then)


@pytest.mark.parametrize(
    "then", [schemes.Log(then=schemes.MinMax()), schemes.presets.caffe()], ids=str
)
def test_percentile_clip_refuses_what_is_no_map_of_one_number(then):
    with pytest.raises(ValueError, match="must map each number by itself"):
        schemes.PercentileClip(then=then)


KINDS = {
    "log": np.log,
    "log1p": np.log1p,
    "signed": lambda x: np.sign(x) * np.log1p(np.abs(x)),
    "asinh": np.arcsinh,
}


@pytest.mark.parametrize("kind", KINDS)
def test_log_is_its_formula(kind):
    x = np.exp(SKEWED[:, :1])
    mapped = KINDS[kind](x)
    expected = (mapped - mapped.mean()) / mapped.std()
    actual = contracts.fitted(schemes.Log(kind), x).forward(x)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22, atol=2.0**-40)


@pytest.mark.parametrize(
    ("kind", "worst"), [("log", 0.0), ("log", -3.0), ("log1p", -1.0), ("log1p", -2.0)]
)
def test_log_refuses_data_outside_its_domain(kind, worst):
    with pytest.raises(errors.RecipeError, match="needs values above .*, but 1 are"):
        contracts.fitted(schemes.Log(kind), np.array([1.0, worst, 2.0]))


def test_log_takes_data_with_nan():
    x = np.array([1.0, np.nan, np.e])
    y = contracts.fitted(schemes.Log("log"), x).forward(x)
    np.testing.assert_allclose(y, [-1, np.nan, 1], rtol=2.0**-22)


def test_log_refuses_a_second_function():
    with pytest.raises(errors.RecipeError, match="One is enough"):
        schemes.Log("signed", then=schemes.Log("asinh"))


def test_the_extremes_are_inside_the_range():
    x = contracts.samples("real", rows=999)
    scheme = schemes.MinMax(-1, 1, out_of_range_policy="nan")
    y = contracts.fitted(scheme, x).forward(x)
    assert (y.min(), y.max()) == (-1, 1)


def test_min_max_marks_what_is_out_of_range():
    scheme = schemes.MinMax(out_of_range_policy="nan")
    y = contracts.fitted(scheme, np.array([0.0, 1.0])).forward(np.array([-0.1, 1.1]))
    assert np.isnan(y).all()


def test_integers_near_the_end_of_int64_keep_their_range():
    x = np.arange(2**63 - 2**30, 2**63 - 1, 2**24, dtype=np.int64)
    scale = contracts.fitted(schemes.MinMax(), x).scale
    assert scale == x[-1] - x[0]


@pytest.mark.parametrize("scheme", CENTERING, ids=str)
def test_integers_too_close_for_float64_are_refused_not_left_unscaled(scheme):
    x = 2**60 + np.arange(5)
    with pytest.raises(errors.DataError, match="Subtract an integer"):
        contracts.fitted(scheme, x)
    assert np.ptp(contracts.fitted(scheme, x - 2**60).forward(x - 2**60)) >= 1


def test_centers_integers_by_all_digits_of_float64():
    x = 2**52 + np.arange(5)
    y = contracts.fitted(schemes.ZScore(), x).forward(x)
    np.testing.assert_allclose(y, (np.arange(5) - 2) / np.sqrt(2), rtol=2**-22)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
@pytest.mark.parametrize("unit", [10**6, 10**9], ids=["microseconds", "nanoseconds"])
@pytest.mark.parametrize(
    "scheme",
    [
        schemes.ZScore(),
        schemes.MinMax(),
        schemes.Robust(),
        schemes.MeanRange(),
        schemes.PercentileClip(0, 1),
    ],
    ids=str,
)
def test_sixty_timestamps_stay_sixty(scheme, unit, dtype):
    x = ((1_700_000_000 + np.arange(60)) * unit).astype(dtype)
    y = contracts.fitted(scheme, x).forward(x).astype(np.float32)
    assert len(np.unique(y)) == 60


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_timestamps_are_right(dtype):
    seconds = np.arange(60)
    x = ((1_700_000_000 + seconds) * 10**6).astype(dtype)
    y = contracts.fitted(schemes.ZScore(), x).forward(x)
    truth = (seconds - seconds.mean()) / seconds.std()
    np.testing.assert_allclose(y, truth, rtol=0, atol=1e-6)


def test_offset_data_are_right_in_float32():
    # The mean as one float32 would be off by up to 0.03 deviations.
    x = (1e6 + np.random.default_rng(0).normal(size=100_000)).astype(np.float32)
    truth = (x.astype(np.float64) - x.mean(dtype=np.float64)) / x.std(dtype=np.float64)
    y = contracts.fitted(schemes.ZScore(), x).forward(x)
    np.testing.assert_allclose(y, truth, rtol=0, atol=1e-6)


def test_data_beyond_float32_are_refused():
    with pytest.raises(errors.RecipeError, match="does not fit float32"):
        contracts.fitted(schemes.ZScore(), np.array([0.0, 1e60]))


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("preset", "mode", "size"),
    [
        ("imagenet", "torch", 1),
        ("inception", "tf", 1),
        ("vit", "tf", 1),
        ("caffe", "caffe", 128),
    ],
)
def test_preset_agrees_with_keras(preset, mode, size):
    expected = keras.applications.imagenet_utils.preprocess_input(
        PIXELS.astype(np.float32), mode=mode, data_format="channels_last"
    )
    actual = schemes.presets.get(preset).fit(None).forward(PIXELS)
    # Keras rounds what it subtracts, of this size, to float32: thrice at most.
    atol = 3 * 2.0**-23 * size
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22, atol=atol)


def test_efficientnet_preset_agrees_with_the_layers_of_keras():
    std = np.array([0.229, 0.224, 0.225])
    # As its shipped weights do: the deviation in the place of the variance.
    normalize = keras.layers.Normalization(mean=[0.485, 0.456, 0.406], variance=std)
    again = keras.layers.Rescaling((1 / np.sqrt(std)).tolist())
    expected = again(normalize(PIXELS.astype(np.float32) / 255))
    actual = schemes.presets.efficientnet_keras().fit(None).forward(PIXELS)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-21, atol=2.0**-21)


def test_dpn_preset_is_its_formula():
    expected = (PIXELS - np.array([124.0, 117.0, 104.0])) * 0.0167
    actual = schemes.presets.dpn().fit(None).forward(PIXELS)
    np.testing.assert_allclose(actual, expected, rtol=2.0**-22)


def test_whisper_preset_is_its_formula():
    x = contracts.samples("mel")
    z = np.log10(np.maximum(x, 1e-10))
    z = np.maximum(z, z.max(axis=(1, 2), keepdims=True) - 8)
    actual = schemes.presets.whisper().fit(None).forward(x)
    np.testing.assert_allclose(actual, (z + 4) / 4, rtol=2.0**-21, atol=2.0**-21)


@pytest.mark.parametrize("name", sorted(set(schemes.presets.NAMES) - {"whisper"}))
def test_preset_takes_another_input_range(name):
    unit = schemes.presets.get(name, input_range=(0, 1)).fit(None)
    y = schemes.presets.get(name).fit(None).forward(PIXELS)
    np.testing.assert_allclose(
        unit.forward(PIXELS / 255), y, rtol=2.0**-21, atol=2.0**-21 * np.abs(y).max()
    )


def test_preset_takes_channels_first():
    first = np.moveaxis(PIXELS, -1, 1)
    bijector = schemes.presets.caffe().fit(None)
    expected = np.moveaxis(bijector.forward(PIXELS), -1, 1)
    np.testing.assert_array_equal(bijector.along(1, 4).forward(first), expected)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(errors.RecipeError, match="No preset 'alexnet'. Presets: caffe"):
        schemes.presets.get("alexnet")


MISTAKES = [
    (lambda: schemes.ZScore(False, scale=False), "leaves data unchanged"),
    (lambda: schemes.Robust(center=False, scale=False), "leaves data unchanged"),
    (lambda: schemes.ZScore(zero_scale_policy="nan"), "zero_scale_policy='nan'"),
    (lambda: schemes.MinMax(1, 1), "low, high"),
    (lambda: schemes.MinMax(0, np.inf), "low, high"),
    (lambda: schemes.MinMax(out_of_range_policy="raise"), "'extend', 'clip', 'nan'"),
    (lambda: schemes.Robust((0.75, 0.25)), "the lower one first"),
    (lambda: schemes.Robust((25, 75)), "must lie within 0 and 1"),
    (lambda: schemes.Robust((0, 1), unit_variance=True), "no least or greatest"),
    (lambda: schemes.Robust(0.5), "must be two numbers"),
    (lambda: schemes.PercentileClip(1, 99), "must lie within 0 and 1"),
    (lambda: schemes.PercentileClip(then="MinMax"), "must be a scheme"),
    (lambda: schemes.Log("ln"), "kind='ln'"),
    (lambda: schemes.Log(then=None), "must be a scheme"),
    (lambda: schemes.Affine(0, 0), "`scale=0.0` does not fit"),
    (lambda: schemes.Affine("a"), "must be a number"),
    (lambda: schemes.Affine((1, 2), (1, 2, 3)), "of one shape"),
    (lambda: schemes.Rescale((1, 0)), "input_range"),
    (lambda: schemes.Preset("mine", order="gbr"), "order='gbr'"),
    (lambda: schemes.LogMel(span=0), "span=0"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_says_what_is_wrong_with_an_argument(make, message):
    with pytest.raises(errors.RecipeError, match=message):
        make()


def test_schemes_need_what_they_say():
    assert schemes.PercentileClip().requires == ("quantiles", "extrema")
    assert schemes.Log(then=schemes.MeanRange()).requires == ("moments", "extrema")


def test_fixed_schemes_need_no_statistics():
    assert schemes.Rescale().fit(None) == bijectors.Affine(0.0, 255.0)
