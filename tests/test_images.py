# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Windows around pixels, and the habits of radiology: truth, masks, flat images."""

import functools

import apache_beam as beam
import keras
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.testing import util
from scipy import ndimage

import tfnorm
from tests import backends
from tests import contracts
from tfnorm import arrays
from tfnorm import beam as tfnorm_beam
from tfnorm import bijectors
from tfnorm import errors
from tfnorm import layers
from tfnorm import schemes
from tfnorm import statistics
from tfnorm.bijectors import percentiles

# What torch says of a machine with half a CUDA, once, when it differentiates.
pytestmark = pytest.mark.filterwarnings("ignore:CUDA initialization")

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 9, 7, 3), np.uint8)
MASK = RNG.random((3, 9, 7)) < 0.7
# Results are at most 4 or so, after a dozen roundings of pixels of up to 255 beside
# deviations of 70.
ATOL = 32 * contracts.ULP * 4


def windows(x, size):
    """Windows of shape (..., size, size) of each pixel; NaN where there is none."""
    half = size // 2
    around = [(0, 0), (half, half), (half, half), (0, 0)]
    x = np.pad(x.astype(np.float64), around, constant_values=np.nan)
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))


def local(x, kind, size, mask=None):
    """The definition, in float64, window by window."""
    x = x.astype(np.float64)
    seen = x if mask is None else np.where(mask[..., None], x, np.nan)
    found = windows(seen, size)
    with np.errstate(all="ignore"):
        mean, std = (f(found, axis=(-2, -1)) for f in (np.nanmean, np.nanstd))
    if kind == "subtractive":
        return x - mean
    if kind == "divisive":
        return x / std
    if kind == "contrast":
        std = np.where(np.isnan(seen), np.nan, std)
        std = np.fmax(std, np.nanmean(std, axis=(1, 2), keepdims=True))
    return (x - mean) / std


@pytest.mark.parametrize("size", [3, 5, 7, 31])
@pytest.mark.parametrize("kind", ["standard", "subtractive", "divisive", "contrast"])
def test_local_is_its_definition(kind, size):
    found = np.asarray(layers.LocalNormalization(size, kind=kind)(IMAGES))
    # Without a divisor they are pixels.
    atol = ATOL * (64 if kind == "subtractive" else 1)
    wanted = local(IMAGES, kind, size)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
@pytest.mark.parametrize("kind", ["standard", "contrast"])
def test_masked_pixels_are_in_no_window(kind):
    padded = np.where(MASK[..., None], IMAGES, 9e9).astype(np.float32)
    found = np.asarray(layers.LocalNormalization(5, kind=kind)(padded, mask=MASK))
    wanted = local(IMAGES, kind, 5, MASK)[MASK]
    # A window may hold two pixels that are much alike.
    np.testing.assert_allclose(found[MASK], wanted, rtol=1e-5, atol=ATOL)
    assert (found[~MASK] == 0).all()


def test_local_is_that_of_scipy():
    x = IMAGES.astype(np.float64)
    box = functools.partial(ndimage.uniform_filter, size=(1, 5, 3, 1), mode="constant")
    # Of the pixels that are there alone.
    mean, square = (box(t) / box(np.ones_like(x)) for t in (x, x * x))
    wanted = (x - mean) / np.sqrt(square - mean * mean)
    found = layers.LocalNormalization((5, 3))(IMAGES)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


def test_local_windows_may_span_the_channels():
    x = IMAGES.astype(np.float64)
    found = windows(x, 3)
    mean, std = (
        f(found, axis=(-3, -2, -1))[..., None] for f in (np.nanmean, np.nanstd)
    )
    layer = layers.LocalNormalization(3, per_channel=False)
    np.testing.assert_allclose(layer(IMAGES), (x - mean) / std, rtol=0, atol=ATOL)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_local_keeps_small_contrast_beside_large(dtype):
    steps = np.where(np.arange(64) < 32, 100, 60_000)
    x = (steps + RNG.integers(0, 3, (1, 64, 64))).astype(dtype)[..., np.newaxis]
    found = np.asarray(layers.LocalNormalization(5)(x))
    # Of E[x**2] - E[x]**2, float32 would keep nothing: 60,000**2 has steps of 256.
    # The centre of a window is rounded to 1/512, beside deviations of 0.4 or more.
    np.testing.assert_allclose(found, local(x, "standard", 5), rtol=0.01, atol=0.01)


def test_local_takes_series_and_volumes():
    series = layers.LocalNormalization(3)(IMAGES[:, :, 0])
    volume = layers.LocalNormalization((1, 3, 1))(IMAGES[:, None])
    image = layers.LocalNormalization((3, 1))(IMAGES)
    np.testing.assert_allclose(series, image[:, :, 0], rtol=0, atol=ATOL)
    np.testing.assert_allclose(volume[:, 0], image, rtol=0, atol=ATOL)


@pytest.mark.parametrize(("low", "high"), [(0.01, 0.99), (0.0, 1.0), (0.3, 0.5)])
@pytest.mark.parametrize("per_channel", [False, True])
def test_percentiles_are_those_of_numpy(per_channel, low, high):
    x = IMAGES.astype(np.float64)
    axes = (1, 2) if per_channel else (1, 2, 3)
    ends = np.quantile(x, [low, high], axis=axes, keepdims=True)
    wanted = np.clip((x - ends[0]) / (ends[1] - ends[0]), 0, 1)
    found = layers.PercentileStretch(low, high, per_channel=per_channel)(IMAGES)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


def test_masked_pixels_enter_no_percentile():
    padded = np.where(MASK[..., None], IMAGES, 9e9).astype(np.float32)
    found = np.asarray(layers.PercentileStretch(0.1, 0.9)(padded, mask=MASK))
    for image, mask, mine in zip(IMAGES, MASK, found, strict=True):
        low, high = np.quantile(image[mask], [0.1, 0.9])
        wanted = np.clip((image[mask] - low) / (high - low), 0, 1)
        np.testing.assert_allclose(mine[mask], wanted, rtol=0, atol=ATOL)
    assert (found[~MASK] == 0).all()


def test_percentiles_find_their_place_among_many_pixels():
    # float32 counts no further than 16,777,216; a product with it would be 2 off.
    last = np.int32(49_999_999)
    index, fraction = percentiles._place(0.987654321, last, "float32")
    exact = 0.987654321 * 49_999_999
    assert abs(float(index) + float(fraction) - exact) < 0.002


def dicom(x, center, width, function):
    """The pseudocode of DICOM PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2, from 0 to 255."""
    c, w = (center - 0.5, width - 1) if function == "linear" else (center, width)
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 255.0
    return ((x - c) / w + 0.5) * 255


@pytest.mark.parametrize("function", ["linear", "linear_exact"])
def test_window_is_that_of_dicom(function):
    units = np.arange(-200, 300, dtype=np.int16)
    layer = layers.IntensityWindow(40, 400, function=function, output_range=(0, 255))
    wanted = [dicom(float(x), 40, 400, function) for x in units]
    # Of 400 units to 255: three roundings of 2**-24.
    np.testing.assert_allclose(layer(units), wanted, rtol=0, atol=255 * 2.0**-22)


def test_a_channel_may_have_a_window_of_its_own():
    units = np.array([[0.0, 0.0], [80.0, 80.0]])
    layer = layers.IntensityWindow((40, 80), (80, 320))
    np.testing.assert_allclose(layer(units), [[0, 0.25], [1, 0.5]], atol=ATOL)


def test_a_window_is_undone_inside():
    layer = layers.IntensityWindow(40, 400)
    inside = np.linspace(-160, 240, 9)
    again = layers.Denormalize(layer)(layer(inside))
    np.testing.assert_allclose(again, inside, rtol=0, atol=240 * 2.0**-22)


def foreground(x, threshold, function):
    """A function of one image's foreground, and 0 elsewhere."""
    result = np.zeros(x.shape)
    for image, mine in zip(x.astype(np.float64), result, strict=True):
        inside = image > threshold
        mine[inside] = function(image[inside])
    return result


def test_each_image_has_the_statistics_of_its_foreground():
    wanted = foreground(IMAGES, 100, lambda v: (v - v.mean()) / (v.std() + 1e-4))
    found = layers.Foreground(threshold=100)(IMAGES)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ATOL)


@pytest.mark.parametrize(
    "then",
    [
        schemes.ZScore(),
        schemes.Robust(),
        schemes.PercentileClip(0.1, 0.9),
        schemes.Log("log"),
        schemes.ZScore(deviation="per_image"),
    ],
    ids=str,
)
def test_a_data_set_has_the_statistics_of_its_foreground(then):
    hidden = np.where(IMAGES > 100, IMAGES, np.nan).astype(np.float32)
    layer, plain = layers.Foreground(then, threshold=100), layers.Foreground(then)
    layer.adapt(IMAGES)
    wanted = np.nan_to_num(contracts.fitted(then, hidden).forward(hidden))
    np.testing.assert_allclose(layer(IMAGES), wanted, rtol=0, atol=ATOL)
    plain.adapt(hidden)
    nan = np.asarray(plain(np.full((1, 1, 1, 3), np.nan, np.float32)))
    assert np.isnan(nan).all()


def test_foreground_without_any_is_an_error():
    with pytest.raises(errors.EmptyDataError, match="threshold=300"):
        layers.Foreground(schemes.ZScore(), threshold=300).adapt(IMAGES)


def test_foreground_of_a_recipe_names_its_threshold():
    recipe = tfnorm.Recipe({"x": schemes.Foreground(schemes.ZScore(), threshold=9)})
    assert list(tfnorm.analyze({"x": IMAGES}, recipe)) == ["x", "above_9(x)"]


def test_clips_ct_images_as_nnunet_does():
    x = RNG.normal(40, 300, (5, 8, 8, 1)).astype(np.float32)
    inside = x[x > -100].astype(np.float64)
    low, high = np.quantile(inside, [0.005, 0.995])
    # Its CTNormalization, of whole images, by statistics of the unclipped foreground.
    wanted = (np.clip(x, low, high) - inside.mean()) / max(inside.std(), 1e-8)
    then = schemes.ZScore()
    layer = layers.PercentileClip(0.005, 0.995, then=then, fitted_to="all")
    layer.adapt(np.where(x > -100, x, np.nan))
    np.testing.assert_allclose(layer(x), wanted, rtol=0, atol=ATOL)


def per_image(images):
    """The mean of means and of deviations, image by image."""
    images = [image.astype(np.float64) for image in images]
    means = [image.mean((0, 1)) for image in images]
    stds = [image.std((0, 1)) for image in images]
    return np.mean(means, axis=0), np.mean(stds, axis=0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_standardizes_by_the_mean_of_image_deviations(dtype):
    x = (IMAGES // 2 + 10 * np.arange(3)[:, None, None, None]).astype(dtype)
    layer = layers.ZScore(deviation="per_image")
    layer.adapt(x)
    mean, std = per_image(x)
    np.testing.assert_allclose(layer(x), (x - mean) / std, rtol=0, atol=ATOL)
    assert (std < x.reshape(-1, 3).std(0)).all()


@pytest.mark.parametrize("axis", [1, None, (1, 3)])
def test_image_deviations_are_of_the_axes_kept(axis):
    x = np.moveaxis(IMAGES, -1, 1).astype(np.float64)
    kept = {1: (2, 3), None: (1, 2, 3), (1, 3): (2,)}[axis]
    layer = layers.ZScore(deviation="per_image", axis=axis)
    layer.adapt(x)
    mean, std = (
        f(x, axis=kept, keepdims=True).mean(0, keepdims=True) for f in (np.mean, np.std)
    )
    np.testing.assert_allclose(layer(x), (x - mean) / std, rtol=0, atol=ATOL)


def test_image_deviations_leave_nan_and_missing_images_out():
    x = IMAGES.astype(np.float64)
    x[0, 0], x[1] = np.nan, np.nan
    found = contracts.fitted(schemes.ZScore(deviation="per_image"), x)
    np.testing.assert_allclose(found.loc, per_image([x[0, 1:], x[2]])[0], rtol=1e-14)
    np.testing.assert_allclose(found.scale, per_image([x[0, 1:], x[2]])[1], rtol=1e-14)


def test_image_deviations_are_the_same_however_they_are_taken():
    x = RNG.normal(100, 30, (24, 9, 7, 3)).astype(np.float32)
    scheme = schemes.ZScore(deviation="per_image")
    recipe = tfnorm.Recipe({"x": scheme})
    rows = tf.data.Dataset.from_tensor_slices({"x": x}).batch(5)
    batches = [
        arrays.Batch({"x": arrays.Column(np.asfortranarray(part))}, rows=3)
        for part in np.split(x[::-1], 8)
    ]
    whole = tfnorm.analyze({"x": x}, recipe)
    assert tfnorm.analyze(rows, recipe).digest == whole.digest
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = pipeline | beam.Create(batches) | tfnorm_beam.ComputeStatistics(recipe)
        digests = found | "Digests" >> beam.Map(lambda s: s.digest)
        util.assert_that(digests, util.equal_to([whole.digest]))


FIXED = {
    "local": layers.LocalNormalization(3),
    "local_subtractive": layers.LocalNormalization(3, kind="subtractive"),
    "local_divisive": layers.LocalNormalization(3, kind="divisive"),
    "local_contrast": layers.LocalNormalization(3, kind="contrast", floor=0.0),
    "local_over_channels": layers.LocalNormalization(3, per_channel=False),
    "stretch": layers.PercentileStretch(),
    "stretch_per_channel": layers.PercentileStretch(0.2, 0.6, per_channel=True),
    "foreground": layers.Foreground(threshold=30),
    "foreground_local": layers.Foreground(schemes.LocalNormalization(3)),
    "foreground_window": layers.Foreground(schemes.IntensityWindow(99, 50)),
}
each_layer = pytest.mark.parametrize("layer", FIXED.values(), ids=FIXED)


@each_layer
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_flat_image_has_a_defined_output_and_a_finite_gradient(layer, value):
    x = np.full((1, 4, 5, 3), value, np.float32)
    structure = layer.scheme.fit(None).along(layer.axis, 4)
    assert np.isfinite(structure.forward(x)).all()
    for place, gradient in backends.gradients(structure.forward, x).items():
        assert np.isfinite(gradient).all(), place


@each_layer
def test_gradients_are_those_of_every_framework(layer):
    structure = layer.scheme.fit(None).along(layer.axis, 4)
    # Without ties, of which each framework sorts another first; and no z-score's sum
    # of squares, whose gradient is 0.
    x = RNG.normal(100, 30, (1, 9, 7, 3)).astype(np.float32)
    weights = np.linspace(0, 1, x.size, dtype=np.float32).reshape(x.shape)

    def weighted(x):
        return structure.forward(x) * arrays.constants(weights, like=x)

    found = backends.gradients(weighted, x)
    size = np.abs(found["torch"]).max()
    for place, gradient in found.items():
        np.testing.assert_allclose(
            gradient, found["torch"], rtol=0, atol=1e-4 * size, err_msg=place
        )


@each_layer
def test_a_masked_image_is_zeros_and_has_a_finite_gradient(layer):
    mask = np.array([False, True, True])[:, None, None] & np.ones((3, 9, 7), bool)
    found = np.asarray(layer(IMAGES, mask=mask))
    assert (found[0] == 0).all()
    np.testing.assert_allclose(found[1:], layer(IMAGES[1:]), rtol=0, atol=64 * ATOL)
    structure = layer.scheme.fit(None).along(layer.axis, 4)

    def masked(x):
        return structure.forward(x, mask=arrays.constants(mask, like=x))

    for place, gradient in backends.gradients(masked, IMAGES.astype("f4")).items():
        assert np.isfinite(gradient).all(), place


@each_layer
def test_channels_may_come_first(layer):
    config = {**layer.get_config(), "axis": 1}
    first = type(layer).from_config(config)(np.moveaxis(IMAGES, -1, 1))
    found = np.moveaxis(np.asarray(first), 1, -1)
    np.testing.assert_allclose(found, layer(IMAGES), rtol=0, atol=64 * ATOL)


@each_layer
@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "float16", "bfloat16", "float32", "float64"]
)
def test_takes_images_of_every_type(layer, dtype):
    x = IMAGES // 2
    found = layer(contracts.array(x, dtype))
    np.testing.assert_allclose(
        found, layer(x.astype(np.float32)), rtol=0, atol=64 * ATOL
    )


@each_layer
def test_images_may_be_of_any_size(layer):
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert model.output_shape == (None, None, None, 3)
    x = IMAGES[:2, :5].astype(np.float32)
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, layer(x), rtol=0, atol=64 * ATOL)


def test_nan_spoils_the_windows_that_hold_it():
    x = IMAGES.astype(np.float32)
    x[0, 4, 3, 0] = np.nan
    found = np.isnan(layers.LocalNormalization(3)(x))
    wanted = np.zeros(x.shape, bool)
    wanted[0, 3:6, 2:5, 0] = True
    np.testing.assert_array_equal(found, wanted)


def test_nan_spoils_the_percentiles_that_share_it():
    x = IMAGES.astype(np.float32)
    x[0, 4, 3, 0] = np.nan
    found = np.isnan(layers.PercentileStretch(per_channel=True)(x))
    assert found[0, ..., 0].all() and found.sum() == found[0, ..., 0].size


def test_row_moments_do_not_depend_on_the_rows_beside():
    x = RNG.normal(1e3, 1, (7, 33, 5, 3))
    whole = bijectors.RowMoments().forward(x)
    for row in range(7):
        alone = bijectors.RowMoments().forward(np.asfortranarray(x[row : row + 1]))
        np.testing.assert_array_equal(alone[0], whole[row])
    truth = np.stack([x.mean((1, 2)), x.std((1, 2))], axis=1)
    np.testing.assert_allclose(whole, truth, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schemes.LocalNormalization(4),
        lambda: schemes.LocalNormalization((3, 2)),
        lambda: schemes.LocalNormalization(3, kind="gaussian"),
        lambda: schemes.LocalNormalization(3, floor=-1.0),
        lambda: schemes.LocalNormalization((3, 3, 3)).fit(None).forward(IMAGES),
        lambda: schemes.PercentileStretch(0.9, 0.1),
        lambda: schemes.PercentileStretch(-0.1, 1.0),
        lambda: schemes.IntensityWindow(40, 0),
        lambda: schemes.IntensityWindow(40, 1, function="linear"),
        lambda: schemes.IntensityWindow(40, 400, function="sigmoid"),
        lambda: schemes.IntensityWindow(40, 400, output_range=(1, 0)),
        lambda: schemes.Foreground("z_score"),
        lambda: schemes.Foreground(threshold=np.nan),
        lambda: schemes.Foreground(schemes.PerKey(key="site")),
        lambda: schemes.ZScore(deviation="sample"),
        lambda: schemes.PercentileClip(fitted_to="some"),
    ],
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(errors.RecipeError):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        layers.LocalNormalization(3),
        layers.PercentileStretch(),
        layers.Foreground(schemes.ZScore()),
    ],
)
def test_what_loses_information_has_no_inverse(layer):
    with pytest.raises(errors.NotInvertible):
        layers.Denormalize(layer)


def test_statistics_of_a_view_fit_a_layer():
    recipe = {"x": schemes.ZScore(deviation="per_image")}
    found = tfnorm.analyze({"x": IMAGES}, recipe)
    assert isinstance(found["row_moments(x)"], statistics.FeatureStatistics)
    layer = layers.ZScore.from_statistics(found, feature="x", deviation="per_image")
    mean, std = per_image(IMAGES)
    np.testing.assert_allclose(layer(IMAGES), (IMAGES - mean) / std, rtol=0, atol=ATOL)
