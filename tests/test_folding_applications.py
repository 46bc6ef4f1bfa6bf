# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Every architecture of `keras.applications`, folded: the same numbers, less layers."""

import functools
import inspect
import re

import keras
import numpy as np
import pytest

import tfnorm

NAMES = [
    name
    for name, value in sorted(vars(keras.applications).items())
    if inspect.isfunction(value)
]
# The least that each takes.
SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
SIZE = 32
CLASSES = 5

# Of these only the widths are tested as they are, since the blocks that a stage
# repeats differ in nothing: what builds them, and with what it is called at most.
SMALLER = {
    r"ConvNeXt(Small|Base|Large|XLarge)": ("convnext.ConvNeXt", {"depths": [1] * 4}),
    r"DenseNet(169|201)": ("densenet.DenseNet", {"blocks": [2, 3, 4, 3]}),
    r"EfficientNetB[1-7]": (
        "efficientnet.EfficientNet",
        {"depth_coefficient": 0.5},
    ),
    r"EfficientNetV2(B[1-3]|S|M|L)": (
        "efficientnet_v2.EfficientNetV2",
        {"depth_coefficient": 0.25},
    ),
    r"NASNetLarge": ("nasnet.NASNet", {"num_blocks": 1}),
    r"ResNet(101|152)": ("resnet.stack_residual_blocks_v1", {"blocks": 2}),
    r"ResNet(101|152)V2": ("resnet.stack_residual_blocks_v2", {"blocks": 2}),
}
# What cannot be folded: normalization in front of an activation, behind a sum or a
# concatenation that is used elsewhere, too.
LEFT = {
    r"DenseNet\d+": r"conv\d_block\d+_0_bn|pool\d_bn|bn",
    # In the first block it follows a convolution, padding and a maximum.
    r"ResNet\d+V2": r"(?!conv2_block1_)conv\d_block\d+_preact_bn|post_bn",
}
LINEAR = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
# Folding rounds each weight once more, and adds in another order: a few roundings in
# each of the layers in sequence, which networks of random weights amplify. Measured,
# over two seeds: up to 17 of the greatest output for each linear layer. The rest is for
# the orders in which other processors add. A wrong padding makes 500 times the bound.
ROUNDINGS_A_LAYER = 64 * 2.0**-24


@pytest.fixture(autouse=True)
def fresh():
    yield
    keras.backend.clear_session()


def matching(table, name):
    return next((table[key] for key in table if re.fullmatch(key, name)), None)


def with_limits(build, limits):
    """Calls a builder with fewer repetitions than it is asked for."""
    parameters = inspect.signature(build)

    @functools.wraps(build)
    def limited(*args, **kwargs):
        asked = parameters.bind(*args, **kwargs).arguments
        return build(**asked | limits)

    return limited


def built(name, monkeypatch):
    found = matching(SMALLER, name)
    if found:
        path = f"keras.src.applications.{found[0]}"
        module, _, function = found[0].partition(".")
        source = inspect.getmodule(getattr(keras.applications, name))
        builder = getattr(source, function, None)
        builder = builder or getattr(inspect.getmodule(source.resnet.ResNet), function)
        monkeypatch.setattr(path, with_limits(builder, found[1]))
    size = SIZES.get(name, SIZE)
    return getattr(keras.applications, name)(
        weights=None,
        input_shape=(size, size, 3),
        classes=CLASSES,
        classifier_activation=None,
    )


def of_kind(model, *kinds):
    return [one for one in model._flatten_layers() if isinstance(one, kinds)]


def randomize(model, rng):
    """Makes constants and moving statistics those of a model that has learned.

    So that activations stay near 1, statistics are near those of a batch.
    """
    norms = of_kind(model, keras.layers.BatchNormalization)
    for layer in norms:
        layer.momentum = 0.0
        shape = layer.moving_mean.shape
        # Above 0, for those in front of a maximum.
        if layer.scale:
            layer.gamma.assign(rng.uniform(0.5, 1.5, shape))
        layer.beta.assign(rng.normal(0.0, 0.3, shape))
    for layer in of_kind(model, keras.layers.Dropout):
        layer.rate = 0.0
    for layer in of_kind(model, keras.layers.Normalization):
        if layer.input_mean is None:
            layer.adapt_mean.assign(rng.uniform(0.4, 0.6, 3))
            layer.adapt_variance.assign(rng.uniform(0.04, 0.09, 3))
            layer.finalize_state()
    model(images(model, 16, rng), training=True)
    for layer in norms:
        mean, variance = np.array(layer.moving_mean), np.array(layer.moving_variance)
        variance = variance * rng.uniform(0.7, 1.4, mean.shape) + 0.1 * variance.mean()
        layer.moving_variance.assign(variance)
        noise = rng.normal(0.0, 0.2, mean.shape)
        layer.moving_mean.assign(mean + noise * np.sqrt(variance))


def images(model, rows, rng):
    shape = (rows, *model.input_shape[1:])
    return rng.uniform(0, 255, shape).astype(np.float32)


def normalizations(model):
    kinds = keras.layers.BatchNormalization, keras.layers.Normalization
    return {layer.name for layer in of_kind(model, *kinds)}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_application_is_folded_wherever_that_is_legal(name, monkeypatch):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = built(name, monkeypatch)
    randomize(model, rng)
    x = images(model, 2, rng)
    folded, report = tfnorm.fold(model)

    wanted, found = np.array(model(x)), np.array(folded(x))
    depth = len(of_kind(model, *LINEAR))
    assert np.std(wanted) > 0
    bound = ROUNDINGS_A_LAYER * depth * np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound)

    pattern = matching(LEFT, name) or "nothing"
    kept = {one for one in normalizations(model) if re.fullmatch(pattern, one)}
    assert normalizations(folded) == kept == {row.layer for row in report.left}
    assert not of_kind(folded, keras.layers.Rescaling)
    assert all(legally_left(row.reason) for row in report.left)


def legally_left(reason):
    """Whether nothing linear that could take it is in front or behind."""
    in_front = r"in front, `\w+` \((Add|MaxPooling2D|AveragePooling2D|Concatenate)\) "
    why = r"(lets no map pass|has 2 users)"
    behind = r"behind, `\w+` \(Activation\) lets no map pass"
    return re.fullmatch(f"{in_front}{why}; {behind}", reason)


def test_every_architecture_is_here():
    assert len(NAMES) >= 38
