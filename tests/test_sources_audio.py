# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Audio gives the statistics of its frames, wherever its bytes are kept."""

import io
import json
import math
import os
import pickle
import struct
import sys

import librosa
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest
import soundfile
from click import testing

import tfnorm
from tfnorm import arrays
from tfnorm import beam
from tfnorm import cli
from tfnorm import errors
from tfnorm import schemes
from tfnorm import sources
from tfnorm import statistics
from tfnorm.sources import audio as audio_lib
from tfnorm.sources import audio_features
from tfnorm.sources import encoded as encoded_lib
from tfnorm.sources import write

RATE = 16_000
MELS = {"sr": RATE, "n_fft": 400, "hop_length": 160, "n_mels": 80}


def sine(seconds=0.3, hertz=440.0, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def noise(seconds=0.2, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(int(RATE * seconds))


def speech(seconds=0.5, seed=0):
    """A tone that wanders, with overtones, in syllables."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    pitch = np.interp(time, np.linspace(0, seconds, 6), rng.uniform(100, 250, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 15)) / 6
    return voice * np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)


def encoded(samples, kind="WAV", subtype="PCM_16", rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


SUBTYPES = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("FLAC", "PCM_S8"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
]
SOUNDS = [speech(), sine(), noise(), speech(0.8, 1), noise(0.03), sine(0.1, 3000)]
DATA = [
    encoded(sound, *[("WAV", "PCM_16"), ("FLAC", "PCM_24")][i % 2])
    for i, sound in enumerate(SOUNDS)
]
FRAMES = [sources.Audio().values(data) for data in DATA]
OPTIONS = {"audio": sources.Audio()}


def of_frames(frames=FRAMES):
    """The statistics of frames in memory, file by file."""
    found = statistics.FeatureStatistics()
    for values in frames:
        found = found.add(arrays.Column(values))
    return tfnorm.Statistics({"audio": found}, len(frames))


def as_files(folder, order):
    for i in order:
        path = folder / f"speaker {i % 3}"
        path.mkdir(exist_ok=True)
        (path / f"{i}.{['wav', 'FLAC'][i % 2]}").write_bytes(DATA[i])
    return str(folder / "speaker*" / "*")


def columns_of(order):
    values = np.empty(len(order), object)
    values[:] = [DATA[i] for i in order]
    return {"audio": values, "label": np.arange(len(order))}


def as_tfrecord(folder, order):
    write.write_tfrecords(columns_of(order), folder / "a", shards=2)
    return str(folder / "a-*")


def as_parquet(folder, order):
    write.write_parquet(columns_of(order), folder / "a", shards=3)
    return str(folder / "a-*")


def as_feather(folder, order):
    table = pa.table({"audio": [DATA[i] for i in order]})
    feather.write_feather(table, folder / "a.feather", chunksize=2)
    return str(folder / "a.feather")


FORMS = [as_files, as_tfrecord, as_parquet, as_feather]
RECIPE = tfnorm.Recipe({"audio": schemes.ZScore()})


@pytest.mark.parametrize(("kind", "subtype"), SUBTYPES)
def test_features_are_those_of_the_library(kind, subtype):
    data = encoded(SOUNDS[0], kind, subtype)
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    wanted = {
        "waveform": samples,
        "log_mel": librosa.power_to_db(
            librosa.feature.melspectrogram(y=samples, **MELS), top_db=None
        ).T,
        "mfcc": librosa.feature.mfcc(y=samples, n_mfcc=13, **MELS).T,
    }
    for name, values in wanted.items():
        found = sources.Audio(features=name).values(data)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("n_fft", [400, 401])
def test_long_recordings_have_their_features_in_parts(monkeypatch, n_fft):
    audio = sources.Audio(n_fft=n_fft)
    whole = audio.values(DATA[3])
    monkeypatch.setattr(audio_features, "FRAMES", 17)
    parts = audio.values(DATA[3])
    # Of float32 sums of 201 powers, which BLAS adds in an order of its own: in
    # decibels, 4.3 times 201 * 2**-24.
    np.testing.assert_allclose(parts, whole, rtol=0, atol=6e-5)


def test_log_mel_is_what_the_scheme_makes_of_energies():
    samples, _ = soundfile.read(io.BytesIO(DATA[0]), dtype="float32")
    mel = librosa.feature.melspectrogram(y=samples, **MELS).T
    scheme = schemes.LogMel("db", span=math.inf)
    # Some ulp of 100 in float32.
    np.testing.assert_allclose(scheme.fit(None).forward(mel), FRAMES[0], atol=4e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("small", [False, True])
def test_form_order_and_batches_leave_no_trace(
    tmp_path, form, seed, small, monkeypatch
):
    monkeypatch.setattr(sources.Audio, "files", 1 if small else 4)
    if small:
        monkeypatch.setattr(encoded_lib, "BATCH_BYTES", 1)
    order = np.random.default_rng(seed).permutation(len(DATA))
    found = tfnorm.analyze(form(tmp_path, order), RECIPE, **OPTIONS)
    assert (found.rows, found.digest) == (len(DATA), of_frames().digest)


@pytest.mark.parametrize("features", ["log_mel", "mfcc", "waveform"])
def test_statistics_are_those_of_all_frames_in_float64(tmp_path, features):
    audio = sources.Audio(features=features)
    pattern = as_files(tmp_path, range(len(DATA)))
    found = tfnorm.analyze(pattern, audio=audio)["audio"]
    frames = np.concatenate([audio.values(data) for data in DATA]).astype(np.float64)
    # NumPy's own sums round, in the last few digits.
    np.testing.assert_allclose(found.mean, frames.mean(0), rtol=1e-11)
    np.testing.assert_allclose(found.std, frames.std(0), rtol=1e-11)
    np.testing.assert_array_equal(found.min, frames.min(0))
    np.testing.assert_array_equal(found.max, frames.max(0))
    assert np.all(found.counts.valid == len(frames))


@pytest.mark.parametrize("features", ["log_mel", "mfcc"])
def test_the_layer_takes_all_frames_to_mean_0_and_deviation_1(tmp_path, features):
    audio = sources.Audio(features=features)
    pattern = as_files(tmp_path, range(len(DATA)))
    found = tfnorm.analyze(pattern, RECIPE, audio=audio)
    layer = tfnorm.layers.Features(RECIPE.fit(found))
    made = [layer({"audio": audio.values(data)})["audio"] for data in DATA]
    made = np.concatenate([np.asarray(one) for one in made]).astype(np.float64)
    # Each value is rounded to float32, of 24 bits, at a magnitude of at most 8.
    np.testing.assert_allclose(made.mean(0), 0, atol=8 * 2.0**-24)
    np.testing.assert_allclose(made.std(0), 1, atol=8 * 2.0**-24)


@pytest.mark.parametrize("form", [as_files, as_tfrecord])
def test_beam_the_cache_and_the_command_line_read_them(tmp_path, form):
    pattern = form(tmp_path, range(len(DATA)))
    out = tmp_path / "out"
    cache = {"cache": tmp_path / "cache"}
    for kept in ({}, cache, cache):
        found = beam.compute_statistics(pattern, RECIPE, out, **kept, **OPTIONS)
        assert found.digest == of_frames().digest
    arguments = ["stats", pattern, "--out", str(out), "--audio", "audio"]
    flags = ["--audio-features", "mfcc", "--n-mfcc", "20", "--hop-length", "200"]
    done = testing.CliRunner().invoke(cli.main, [*arguments, *flags])
    assert done.exit_code == 0, done.output
    assert "Decoded: channels one" in done.output.replace("\n", " ")
    assert tfnorm.load_statistics(out)["audio"].shape == (20,)


def test_options_and_libraries_are_recorded_beside_the_digest(tmp_path):
    pattern = as_files(tmp_path, range(len(DATA)))
    found = tfnorm.analyze(pattern)
    found.save(tmp_path / "out")
    loaded = tfnorm.load_statistics(tmp_path / "out")
    (said,) = map(json.loads, loaded.provenance)
    assert (said["features"], said["sample_rate"], said["n_mels"]) == (
        "log_mel",
        RATE,
        80,
    )
    assert f"librosa {librosa.__version__}" in said["version"]
    assert f"soundfile {soundfile.__version__}" in said["version"]
    assert loaded.sources == tuple(str(tmp_path / f"speaker {i}") for i in range(3))
    resampling = sources.Audio(resample=True)
    assert "soxr" in json.loads(resampling.provenance)["version"]
    assert tfnorm.analyze(pattern, audio=resampling).digest == found.digest


def test_shards_are_files_and_can_be_sent(tmp_path):
    pattern = as_files(tmp_path, range(len(DATA)))
    shards = pickle.loads(pickle.dumps(sources.open(pattern)))
    assert sorted(shard.path for shard in shards) == sorted(
        os.fspath(path) for path in tmp_path.glob("speaker*/*")
    )
    [batch] = shards[0].read()
    assert batch.rows == 1


def test_another_sample_rate_is_an_error_or_resampled(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded(sine(rate=22_050), rate=22_050))
    with pytest.raises(errors.FeatureError, match="22050 samples a second") as error:
        tfnorm.analyze(str(tmp_path / "*.wav"))
    assert error.value.file.endswith("a.wav")
    audio = sources.Audio(features="waveform", resample=True)
    data = (tmp_path / "a.wav").read_bytes()
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    wanted = librosa.resample(samples, orig_sr=22_050, target_sr=RATE)
    np.testing.assert_array_equal(audio.values(data), wanted)


def test_channels_are_an_error_or_mixed_or_each_of_its_own():
    left, right = SOUNDS[0].astype(np.float32), sine(0.5).astype(np.float32)
    data = encoded(np.stack([left, right], axis=1), subtype="FLOAT")
    with pytest.raises(errors.FeatureError, match="has 2 channels"):
        sources.Audio().values(data)
    alone = [
        sources.Audio().values(encoded(one, subtype="FLOAT"))
        for one in (left, right, librosa.to_mono(np.stack([left, right])))
    ]
    each = sources.Audio(channels="each").values(data)
    np.testing.assert_array_equal(each, np.concatenate(alone[:2]))
    np.testing.assert_array_equal(sources.Audio(channels="mix").values(data), alone[2])


def test_silence_has_100_decibels_less_and_becomes_0():
    frames = sources.Audio().values(encoded(np.zeros(RATE)))
    assert frames.shape == (101, 80)
    # One ulp of 100 in float32.
    assert np.unique(frames).tolist() == pytest.approx([-100], abs=1e-5)
    found = tfnorm.analyze({"audio": frames}, RECIPE)
    assert not np.any(RECIPE.fit(found).forward({"audio": frames})["audio"])


HEADER = bytearray(DATA[1])
HEADER[21] &= 0xF0  # The number of samples of a FLAC file, of 36 bits: unknown.
HEADER[22:26] = bytes(4)
BROKEN = {
    "cut WAV": DATA[0][:-200],
    "cut header": DATA[0][:30],
    "cut FLAC": DATA[1][:-200],
    "changed FLAC": DATA[1][:900] + b"\0\0\0\0" + DATA[1][904:],
    "of no length": bytes(HEADER),
    "without samples": encoded(np.zeros(0)),
    "too short": encoded(np.zeros(399)),
    "not finite": encoded(np.where(np.arange(RATE) == 5, np.nan, 0), subtype="FLOAT"),
    "empty": b"",
    "text": b"not a sound",
    "other chunks": b"RIFF\4\0\0\0WAVE",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("form", [as_files, as_parquet])
def test_what_cannot_be_read_is_an_error_or_counted(tmp_path, form, name, monkeypatch):
    monkeypatch.setitem(globals(), "DATA", [*DATA[:5], BROKEN[name]])
    pattern = form(tmp_path, range(6))
    with pytest.raises(errors.DataError, match="[Ll]eave it out") as error:
        tfnorm.analyze(pattern, RECIPE, **OPTIONS)
    assert error.value.feature == "audio"
    place = {as_files: ("5.FLAC", None), as_parquet: ("a-00002-of-00003.parquet", 1)}
    assert (os.path.basename(error.value.file), error.value.record) == place[form]
    found = tfnorm.analyze(pattern, RECIPE, max_bad_records=1, **OPTIONS)
    assert (found.bad_records, found.digest) == (1, of_frames(FRAMES[:5]).digest)


def test_samples_that_are_nan_are_counted_where_they_are_the_feature(tmp_path):
    samples = np.where(np.arange(RATE) == 5, np.nan, 0.25)
    (tmp_path / "a.wav").write_bytes(encoded(samples, subtype="FLOAT"))
    audio = sources.Audio(features="waveform")
    found = tfnorm.analyze(str(tmp_path / "a.wav"), audio=audio)["audio"]
    assert (found.counts.nan, found.mean) == (1, 0.25)


def test_keys_of_files_are_none_of_frames(tmp_path):
    recipe = tfnorm.Recipe({"audio": schemes.PerKey(schemes.ZScore(), "label")})
    with pytest.raises(errors.FeatureError, match="no key of each of its steps"):
        tfnorm.analyze(as_tfrecord(tmp_path, range(4)), recipe, **OPTIONS)


def test_a_wav_of_a_pipe_ends_where_it_ends():
    at = DATA[0].index(b"data") + 4
    data = DATA[0][:at] + struct.pack("<I", 0xFFFFFFFF) + DATA[0][at + 4 :]
    np.testing.assert_array_equal(sources.Audio().values(data), FRAMES[0])


def test_missing_audio_is_counted(tmp_path):
    columns = columns_of(range(len(DATA)))
    missing = np.arange(len(DATA)) == 2
    columns["audio"] = arrays.Column(columns["audio"], missing)
    write.write_tfrecords(columns, tmp_path / "a", shards=2)
    found = tfnorm.analyze(str(tmp_path / "a-*"), **OPTIONS)
    assert (found["audio"].missing, found["label"].rows) == (1, len(DATA))
    there = [FRAMES[i] for i in range(len(DATA)) if i != 2]
    assert found["audio"].std.tolist() == of_frames(there)["audio"].std.tolist()


@pytest.mark.parametrize("module", ["soundfile", "librosa"])
def test_a_library_that_is_not_installed_says_what_to_install(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    audio_lib._extractor_of.cache_clear()
    with pytest.raises(errors.OptionsError, match=rf"{module}.*pip install"):
        sources.Audio().values(DATA[0])
    audio_lib._extractor_of.cache_clear()


@pytest.mark.parametrize(
    "options",
    [
        {"features": "chroma"},
        {"channels": "two"},
        {"sample_rate": 0},
        {"n_fft": 25.0},
        {"n_mfcc": 81, "features": "mfcc"},
    ],
)
def test_options_that_cannot_be_are_an_error(options):
    with pytest.raises(errors.OptionsError, match=next(iter(options))):
        sources.Audio(**options)


def test_bands_without_a_frequency_are_an_error():
    with pytest.raises(errors.OptionsError, match="bands have no frequency"):
        sources.Audio(n_fft=128).values(DATA[0])


def test_features_that_hold_no_audio_are_an_error(tmp_path):
    with pytest.raises(errors.FeatureError, match=r"audio=Audio\('speech'\)"):
        sources.open(as_files(tmp_path, [0]), ["speech"])
    write.write_parquet({"audio": np.arange(3)}, tmp_path / "a")
    with pytest.raises(errors.FeatureError, match="no column of one string"):
        tfnorm.analyze(str(tmp_path / "a-*"), **OPTIONS)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(errors.OptionsError, match="no encoded audio"):
        sources.open(tmp_path / "a.npy", **OPTIONS)


def test_options_of_audio_are_not_for_images_nor_those_of_images_for_audio(tmp_path):
    path = as_files(tmp_path, [0])
    with pytest.raises(errors.OptionsError, match="audio files hold no encoded image"):
        sources.open(path, images=sources.Images())
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(errors.OptionsError, match="image files hold no encoded audio"):
        sources.open(tmp_path / "a.png", **OPTIONS)
