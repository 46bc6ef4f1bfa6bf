# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Images give the statistics of their pixels, wherever their bytes are kept."""

import dataclasses
import fractions
import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from click import testing
from PIL import Image

import tfnorm
from tfnorm import arrays
from tfnorm import beam
from tfnorm import bijectors
from tfnorm import cli
from tfnorm import errors
from tfnorm import schemes
from tfnorm import sources
from tfnorm import statistics
from tfnorm.sources import decoders
from tfnorm.sources import encoded as encoded_lib
from tfnorm.sources import images as images_lib
from tfnorm.sources import write

SIZES = [(40, 61), (33, 20), (64, 64), (17, 90), (40, 61), (8, 8), (51, 49)]


def photo(height, width, seed):
    """Something like a photo: slow waves, and noise."""
    rng = np.random.default_rng(seed)
    y, x, _ = np.mgrid[:height, :width, :1]
    phase = rng.uniform(0, 6, 3)
    waves = 130 + 70 * np.sin(x / 17 + phase) + 40 * np.cos(y / 11 + phase)
    return np.clip(waves + rng.normal(0, 9, waves.shape), 0, 255).astype(np.uint8)


def encoded(pixels, kind="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(np.squeeze(pixels)).save(file, kind, **options)
    return file.getvalue()


KINDS = ["JPEG", "PNG"]
DATA = [encoded(photo(*size, i), KINDS[i % 2]) for i, size in enumerate(SIZES)]
PIXELS = [np.asarray(Image.open(io.BytesIO(data))) for data in DATA]
LABELS = [b"a", b"b", b"a", b"b", b"b", b"a", b"a"]
PER_IMAGE = tfnorm.Recipe({"image": schemes.ZScore(deviation="per_image")})


def of_pixels(pixels=PIXELS):
    """The statistics of decoded images, one by one."""
    found = statistics.FeatureStatistics()
    for image in pixels:
        found = found.add(arrays.Column(image[np.newaxis]), axis=-1)
    return tfnorm.Statistics({"image": found}, len(pixels))


def as_files(folder, order):
    for i in order:
        path = folder / f"class {i % 3}"
        path.mkdir(exist_ok=True)
        (path / f"{i}.{['jpg', 'PNG'][i % 2]}").write_bytes(DATA[i])
    return str(folder / "class*" / "*")


def columns_of(order):
    values = np.empty(len(order), object)
    values[:] = [DATA[i] for i in order]
    return {"image": values}


def as_tfrecord(folder, order):
    write.write_tfrecords(columns_of(order), folder / "a", shards=2)
    return str(folder / "a-*")


def as_parquet(folder, order):
    write.write_parquet(columns_of(order), folder / "a", shards=3)
    return str(folder / "a-*")


def as_feather(folder, order):
    table = pa.table({"image": [DATA[i] for i in order]})
    feather.write_feather(table, folder / "a.feather", chunksize=2)
    return str(folder / "a.feather")


FORMS = [as_files, as_tfrecord, as_parquet, as_feather]
OPTIONS = {"images": sources.Images()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("small", [False, True])
def test_form_order_and_batches_leave_no_trace(
    tmp_path, form, seed, small, monkeypatch
):
    if small:
        monkeypatch.setattr(encoded_lib, "BATCH_BYTES", 1)
        monkeypatch.setattr(sources.Images, "files", 2)
    order = np.random.default_rng(seed).permutation(len(DATA))
    pattern = form(tmp_path, order)
    assert tfnorm.analyze(pattern, **OPTIONS).digest == of_pixels().digest


@pytest.mark.parametrize("form", FORMS)
def test_both_deviations_come_from_one_pass(tmp_path, form, monkeypatch):
    decoded = []
    decode = sources.Images.decode
    monkeypatch.setattr(
        sources.Images, "decode", lambda *args: decoded.append(0) or decode(*args)
    )
    found = tfnorm.analyze(form(tmp_path, range(len(DATA))), PER_IMAGE, **OPTIONS)
    assert len(decoded) == len(DATA)
    flat = np.concatenate([image.reshape(-1, 3) for image in PIXELS]).astype(float)
    # NumPy's own sums round; of 20,000 values, in the last few digits.
    np.testing.assert_allclose(found["image"].std, flat.std(0), rtol=1e-12)
    row_moments = found["row_moments(image)"].mean
    means = np.mean([image.mean((0, 1)) for image in PIXELS], 0)
    deviations = np.mean([image.std((0, 1)) for image in PIXELS], 0)
    np.testing.assert_allclose(row_moments, [means, deviations], rtol=1e-12)


def test_the_per_image_deviation_is_that_of_arrays_in_memory(tmp_path):
    same = [i for i, size in enumerate(SIZES) if size == (40, 61)]
    stack = np.stack([PIXELS[i] for i in same])
    memory = tfnorm.analyze({"image": stack}, PER_IMAGE)
    wide = tfnorm.analyze({"image": stack.astype(np.int32)}, PER_IMAGE)
    files = tfnorm.analyze(as_files(tmp_path, same), PER_IMAGE)
    assert files.digest == memory.digest == wide.digest


SCHEMES = {
    "whitening": schemes.Whitening(),
    "log": schemes.Log("log1p"),
    "chain": schemes.Chain((schemes.Log("log1p"), schemes.ZScore())),
    "foreground": schemes.Foreground(schemes.ZScore(), threshold=100.0),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_of_channels_takes_images_of_any_size(tmp_path, name):
    recipe = tfnorm.Recipe({"image": SCHEMES[name]})
    found = tfnorm.analyze(as_files(tmp_path, range(len(DATA))), recipe)
    flat = np.concatenate([image.reshape(1, -1, 1, 3) for image in PIXELS], axis=1)
    wanted = tfnorm.analyze({"image": flat}, recipe)
    for key in wanted:
        np.testing.assert_array_equal(found[key].mean, wanted[key].mean)
        np.testing.assert_array_equal(found[key].std, wanted[key].std)


def test_statistics_by_key_and_missing_images(tmp_path):
    columns = columns_of(range(len(DATA)))
    missing = np.arange(len(DATA)) == 2
    columns["image"] = arrays.Column(columns["image"], missing)
    columns["label"] = np.array(LABELS, object)
    write.write_tfrecords(columns, tmp_path / "a", shards=2)
    recipe = tfnorm.Recipe({"image": schemes.PerKey(schemes.ZScore(), "label")})
    found = tfnorm.analyze(str(tmp_path / "a-*"), recipe, **OPTIONS)
    there = [i for i in range(len(DATA)) if i != 2]
    assert found["image"].missing == 1
    assert (
        found["image"].std.tolist()
        == of_pixels([PIXELS[i] for i in there])["image"].std.tolist()
    )
    of_b = of_pixels([PIXELS[i] for i in there if LABELS[i] == b"b"])["image"]
    assert found['image | label="b"'] == of_b


@pytest.mark.parametrize("form", [as_files, as_tfrecord])
def test_beam_and_the_command_line_read_them(tmp_path, form):
    pattern = form(tmp_path, range(len(DATA)))
    out = tmp_path / "out"
    found = beam.compute_statistics(pattern, PER_IMAGE, out, **OPTIONS)
    assert found == tfnorm.analyze(pattern, PER_IMAGE, **OPTIONS)
    arguments = ["stats", pattern, "--image", "image", "--out", str(out)]
    done = testing.CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.output
    assert "Decoded: channels 3" in done.output
    assert tfnorm.load_statistics(out).digest == of_pixels().digest


def test_the_decoder_and_its_options_are_recorded_beside_the_digest(tmp_path):
    pattern = as_files(tmp_path, range(len(DATA)))
    found = tfnorm.analyze(pattern)
    found.save(tmp_path / "out")
    loaded = tfnorm.load_statistics(tmp_path / "out")
    assert loaded.provenance == found.provenance
    (said,) = map(json.loads, loaded.provenance)
    assert said["decoder"] == "pillow"
    assert said["dct_method"] == "INTEGER_ACCURATE"
    assert said["version"].startswith("Pillow")
    assert loaded.sources == tuple(str(tmp_path / f"class {i}") for i in range(3))
    grey = tfnorm.analyze(pattern, images=sources.Images(convert=True))
    assert grey.digest == found.digest
    assert len(found.merge(grey).provenance) == 2


@pytest.mark.parametrize("form", [as_files, as_tfrecord])
def test_what_was_decoded_otherwise_does_not_join(tmp_path, form):
    pattern, out = form(tmp_path, range(len(DATA))), str(tmp_path / "out")
    one, other = (sources.Images(resize=(side, side)) for side in (8, 6))
    found = beam.compute_statistics(pattern, PER_IMAGE, out, images=one)
    with pytest.raises(
        errors.StatisticsError, match=r"resize \[8, 8\] here, by resize \[6, 6\]"
    ) as error:
        beam.compute_statistics(pattern, PER_IMAGE, out, images=other, update=out)
    assert (error.value.feature, error.value.file) == ("image", out)
    another = tfnorm.analyze(pattern, PER_IMAGE, images=other)
    for join in (found.merge, found.subtract):
        with pytest.raises(errors.StatisticsError, match=r"decoded in two ways"):
            join(another)


def test_other_versions_of_a_decoder_join_and_are_logged(tmp_path, caplog):
    found = tfnorm.analyze(as_files(tmp_path, range(len(DATA))))
    older = [line.replace("Pillow ", "Pillow 0.") for line in found.provenance]
    older = dataclasses.replace(found, provenance=tuple(older))
    assert found.merge(older).rows == 2 * found.rows
    assert "decoded by Pillow" in caplog.text


@pytest.mark.parametrize("data", DATA[:4])
def test_tensorflow_decodes_like_pillow_but_for_its_fast_dct(data):
    found = {
        name: sources.Images(decoder=name).decode(data)
        for name in ("pillow", "tensorflow", "tensorflow-fast")
    }
    for pixels, counts in found.values():
        np.testing.assert_array_equal(counts, arrays.byte_counts(pixels()))
    found = {name: pixels().astype(int) for name, (pixels, _) in found.items()}
    pillow = found["pillow"]
    # Both are libjpeg-turbo's accurate DCT, perhaps of other versions.
    assert np.abs(found["tensorflow"] - pillow).max() <= 1
    shift = (found["tensorflow-fast"] - pillow).mean((0, 1))
    assert (shift[0] < -0.5) == data.startswith(b"\xff")


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow"])
def test_other_channels_are_an_error_or_converted(decoder):
    grey = encoded(photo(20, 30, 0)[..., 0], "PNG")
    with pytest.raises(errors.FeatureError, match="has 1 channels, where 3"):
        sources.Images(decoder=decoder).decode(grey)
    pixels = sources.Images(decoder=decoder, convert=True).pixels(grey)
    assert pixels.shape == (20, 30, 3)
    pixels = sources.Images(decoder=decoder, channels=1).pixels(grey)
    np.testing.assert_array_equal(pixels[..., 0], photo(20, 30, 0)[..., 0])


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow"])
@pytest.mark.parametrize(("mode", "channels"), [("CMYK", 4), ("RGBA", 4), ("P", 3)])
def test_headers_tell_the_channels(decoder, mode, channels):
    image = Image.fromarray(photo(20, 30, 0))
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG" if mode == "CMYK" else "PNG")
    images = sources.Images(decoder=decoder)
    if channels == 3:
        pixels = images.pixels(file.getvalue())
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))
        return
    with pytest.raises(errors.FeatureError, match="has 4 channels"):
        images.decode(file.getvalue())


def test_sixteen_bits_are_an_error():
    deep = encoded(np.full((5, 6), 40_000, np.uint16), "PNG")
    with pytest.raises(errors.FeatureError, match="has 16 bits"):
        sources.Images(channels=1).decode(deep)


BROKEN = {
    "cut off": DATA[0][:-200],
    "cut header": DATA[0][:15],
    "cut PNG": DATA[1][:-200],
    "changed PNG": DATA[1][:200] + b"\0\0\0\0" + DATA[1][204:],
    "empty": b"",
    "text": b"not an image",
    "GIF": b"GIF89a" + bytes(40),
}


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_named_or_counted(tmp_path, fault, decoder):
    pattern = as_files(tmp_path, range(len(DATA)))
    path = tmp_path / "class 1" / "0.jpg"
    path.write_bytes(BROKEN[fault])
    images = sources.Images(decoder=decoder)
    with pytest.raises(errors.FormatError, match="cannot be decoded") as error:
        tfnorm.analyze(pattern, images=images)
    assert (error.value.feature, error.value.file) == ("image", str(path))
    found = tfnorm.analyze(pattern, images=images, max_bad_records=1)
    assert (found.rows, found.bad_records) == (len(DATA), 1)


@pytest.mark.parametrize("form", [as_tfrecord, as_parquet])
def test_a_broken_record_is_named_or_counted(tmp_path, form, monkeypatch):
    bad = [*DATA[:5], b"bad", DATA[6]]
    monkeypatch.setattr(sys.modules[__name__], "DATA", bad)
    pattern = form(tmp_path, range(len(bad)))
    with pytest.raises(errors.FormatError, match="cannot be decoded") as error:
        tfnorm.analyze(pattern, **OPTIONS)
    before = {as_tfrecord: 3, as_parquet: 4}[form]  # In the files before.
    assert error.value.record == 5 - before
    found = tfnorm.analyze(pattern, max_bad_records=1, **OPTIONS)
    wanted = of_pixels([*PIXELS[:5], PIXELS[6]])
    assert found.digest == wanted.digest
    assert found.bad_records == 1


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow"])
def test_resizing_and_crops_are_done_and_recorded(tmp_path, decoder):
    images = sources.Images(decoder=decoder, resize=(32, 48), crop=(30, 20))
    pixels, counts = images.pixels(DATA[0]), images.decode(DATA[0])[1]
    wanted = Image.open(io.BytesIO(DATA[0])).resize((48, 32), Image.BILINEAR)
    # Both are triangles, but weights of 8 bits in one library and floats in the other.
    assert np.abs(pixels - np.asarray(wanted)[1:31, 14:34].astype(int)).max() <= 2
    assert counts.sum() == 30 * 20 * 3
    found = tfnorm.analyze(as_files(tmp_path, range(len(DATA))), images=images)
    assert json.loads(found.provenance[0])["crop"] == [30, 20]
    with pytest.raises(errors.FormatError, match="8 x 8 pixels are fewer"):
        sources.Images(decoder=decoder, crop=(9, 3)).decode(DATA[5])


@pytest.mark.parametrize("decoder", ["pillow", "tensorflow"])
def test_regions_may_lie_anywhere_and_are_recorded(tmp_path, decoder):
    images = sources.Images(decoder=decoder, crop=(7, 8), crop_offset=(1, 0))
    whole = sources.Images(decoder=decoder)
    regions = [whole.pixels(data)[1:8, :8] for data in DATA]
    for data, region in zip(DATA, regions, strict=True):
        np.testing.assert_array_equal(images.pixels(data), region)
    pattern = as_files(tmp_path, range(len(DATA)))
    found = tfnorm.analyze(pattern, images=images)
    assert found.digest == of_pixels(regions).digest
    said = json.loads(found.provenance[0])
    assert (said["crop"], said["crop_offset"]) == ([7, 8], [1, 0])
    out = tmp_path / "out"
    flags = ["--crop", "7", "8", "--crop-offset", "1", "0", "--decoder", decoder]
    done = testing.CliRunner().invoke(
        cli.main, ["stats", pattern, "--out", str(out), *flags]
    )
    assert done.exit_code == 0, done.output
    assert tfnorm.load_statistics(out).digest == found.digest
    outside = sources.Images(decoder=decoder, crop=(7, 8), crop_offset=(2, 0))
    with pytest.raises(errors.FormatError, match=r"at `crop_offset=\(2, 0\)`"):
        outside.decode(DATA[5])


def test_statistics_of_single_pixels_want_one_size(tmp_path):
    recipe = tfnorm.Recipe({"image": tfnorm.Feature(schemes.ZScore(), axis=(1, 2, 3))})
    pattern = as_files(tmp_path, range(len(DATA)))
    with pytest.raises(errors.FeatureError, match="kept shape"):
        tfnorm.analyze(pattern, recipe)
    images = sources.Images(resize=(8, 8))
    assert tfnorm.analyze(pattern, recipe, images=images)["image"].mean.shape == (
        8,
        8,
        3,
    )


@pytest.mark.parametrize("module", ["PIL", "tensorflow"])
def test_a_decoder_that_is_not_installed_says_what_to_install(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    images_lib.decoder_of.cache_clear()
    decoder = {"PIL": "pillow", "tensorflow": "tensorflow"}[module]
    with pytest.raises(errors.OptionsError, match="pip install"):
        sources.Images(decoder=decoder).decode(DATA[0])
    images_lib.decoder_of.cache_clear()


@pytest.mark.parametrize("channels", [1, 3])
def test_tensorflow_needs_no_pillow(monkeypatch, channels):
    images = sources.Images(decoder="tensorflow", channels=channels, convert=True)
    _, counts = images.decode(DATA[1])
    monkeypatch.setitem(sys.modules, "PIL", None)
    images_lib.decoder_of.cache_clear()
    np.testing.assert_array_equal(images.decode(DATA[1])[1], counts)
    images_lib.decoder_of.cache_clear()


@pytest.mark.parametrize(
    "options",
    [
        {"decoder": "opencv"},
        {"channels": 4},
        {"resize": (0, 3)},
        {"crop": (3,)},
        {"crop_offset": (0, -1), "crop": (3, 3)},
        {"crop_offset": (0, 0)},
    ],
)
def test_options_that_cannot_be_are_an_error(options):
    with pytest.raises(errors.OptionsError, match=next(iter(options))):
        sources.Images(**options)


def test_features_that_hold_no_images_are_an_error(tmp_path):
    pattern = as_files(tmp_path, [0])
    with pytest.raises(errors.FeatureError, match="one feature, 'image'"):
        sources.open(pattern, ["photo"])
    write.write_parquet({"image": np.arange(3)}, tmp_path / "a")
    for images in (sources.Images(), sources.Images("picture")):
        with pytest.raises(errors.FeatureError, match="no column of one string"):
            tfnorm.analyze(str(tmp_path / "a-*"), images=images)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(errors.OptionsError, match="no encoded images"):
        sources.open(tmp_path / "a.npy", **OPTIONS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(0, 5), (1, 1), (3, 7), (4, 1), (61, 47)])
def test_pillow_counts_values_as_numpy_does(channels, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    count = decoders._counter()
    for part in (pixels, pixels[:, 1:], pixels[::-1]):
        np.testing.assert_array_equal(count(part), arrays.byte_counts(part))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(0, 5), (3, 7), (301, 333)])
def test_values_are_counted_in_each_channel(channels, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    wanted = [
        np.bincount(pixels[..., i].ravel(), minlength=256) for i in range(channels)
    ]
    np.testing.assert_array_equal(arrays.byte_counts(pixels), wanted)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i4", "u4", "i8"])
def test_row_moments_of_integers_are_rounded_once(dtype):
    info = np.iinfo(dtype)
    low = max(info.min, -(2**40))
    x = np.random.default_rng(0).integers(low, low + 250, (3, 7, 9, 2)).astype(dtype)
    found = bijectors.RowMoments().forward(x)
    for row, channel in np.ndindex(3, 2):
        values = [fractions.Fraction(int(v)) for v in x[row, ..., channel].ravel()]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        assert found[row, :, channel].tolist() == [float(mean), float(variance) ** 0.5]


def test_row_moments_of_wide_integers_are_those_of_floats():
    x = np.array([[[0], [2**62]], [[-(2**63)], [2**63 - 1]], [[3], [5]]])
    found = bijectors.RowMoments().forward(x)
    np.testing.assert_array_equal(
        found, bijectors.RowMoments().forward(x.astype(np.float64))
    )
    assert found[2].ravel().tolist() == [4.0, 1.0]


def test_an_axis_that_images_lack_is_an_error(tmp_path):
    recipe = tfnorm.Recipe({"image": tfnorm.Feature(schemes.ZScore(), axis=7)})
    with pytest.raises(errors.FeatureError, match="axis"):
        tfnorm.analyze(as_files(tmp_path, [0]), recipe)
