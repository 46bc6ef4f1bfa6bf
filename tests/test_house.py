# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The tree, BUILD and the import rule say the same, and the house style holds."""

import collections
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

import tfnorm
from tests import house

PACKAGE = house.python_files("tfnorm")
EVERYTHING = house.everything()
HEAVY = {
    "apache_beam",
    "jax",
    "keras",
    "pandas",
    "pyarrow",
    "tensorflow",
    "tensorflow_metadata",
    "torch",
}
HEADER = [
    "# Copyright 2026 The tfnorm authors.",
    "# SPDX-License-Identifier: Apache-2.0",
]


def read(path: str) -> str:
    return (house.ROOT / path).read_text(encoding="utf-8")


def modules_after(code: str) -> set[str]:
    """Returns the top-level modules that a fresh interpreter then holds."""
    program = (
        f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    )
    command = [sys.executable, "-c", program]
    return set(subprocess.check_output(command, cwd=house.ROOT, text=True).split())


# The rooms.


@pytest.mark.parametrize("room", house.rooms())
def test_a_room_has_a_rank(room):
    assert room in house.RANKS


@pytest.mark.parametrize("path", PACKAGE)
def test_imports_point_down(path):
    assert house.upward_imports(path) == []


@pytest.mark.parametrize("path", PACKAGE)
def test_a_room_imports_only_the_packages_it_may(path):
    assert house.foreign_imports(path) == []


# BUILD.


def test_every_file_is_in_exactly_one_library():
    libraries = house.of_kind("py_library").values()
    counts = collections.Counter(file for rule in libraries for file in rule["srcs"])
    tests = [path for path in EVERYTHING if path.startswith("tests/test_")]
    assert counts == dict.fromkeys({*EVERYTHING} - {*tests, "setup.py"}, 1)


@pytest.mark.parametrize("room", house.rooms())
def test_a_room_is_the_library_of_its_name(room):
    files = [path for path in PACKAGE if house.room_of(path) == room]
    assert house.of_kind("py_library")[room]["srcs"] == files


@pytest.mark.parametrize("name", house.of_kind("py_library"))
def test_the_deps_of_a_library_are_its_imports(name):
    rule = house.targets()[name]
    assert {*rule["deps"]} == house.expected_deps(rule["srcs"]) - {f":{name}"}


def test_every_test_file_is_one_test():
    files = [path for path in EVERYTHING if path.startswith("tests/test_")]
    named = {path: pathlib.PurePosixPath(path).stem for path in files}
    tests = house.of_kind("py_test")
    assert {name: rule["srcs"] for name, rule in tests.items()} == {
        name: [path] for path, name in named.items()
    }


@pytest.mark.parametrize("name", house.of_kind("py_test"))
def test_the_deps_of_a_test_hold_its_imports(name):
    # More are allowed: what a test starts as a process is not seen here.
    rule = house.targets()[name]
    assert house.expected_deps(rule["srcs"]) - {*rule["deps"]} == set()


@pytest.mark.parametrize("name", house.targets())
def test_deps_are_sorted_and_exist(name):
    deps = house.targets()[name]["deps"]
    own = {dep.removeprefix(":") for dep in deps if dep.startswith(":")}
    assert deps == sorted(deps, key=lambda dep: (dep.startswith("@"), dep))
    assert own <= house.targets().keys()


# The style.


@pytest.mark.parametrize("path", EVERYTHING)
def test_a_file_says_whose_it_is(path):
    assert read(path).splitlines()[:2] == HEADER


@pytest.mark.parametrize("path", EVERYTHING)
def test_a_file_stays_short(path):
    # A table of facts may be longer than what they are about.
    assert len(read(path).splitlines()) < (500 if path.startswith("tests/") else 300)


@pytest.mark.parametrize(
    "path", [path for path in EVERYTHING if not path.endswith("__init__.py")]
)
def test_imports_are_of_modules(path):
    # An __init__.py gathers names; everything else says where a name is from.
    assert house.imported_names(path) == []


@pytest.mark.parametrize("path", EVERYTHING)
def test_keras_is_never_that_of_tensorflow(path):
    assert house.legacy_keras(path) == []


@pytest.mark.parametrize("path", EVERYTHING)
def test_only_a_package_lists_its_names(path):
    lists = re.search(r"^__all__\b", read(path), re.MULTILINE)
    assert not lists or path.endswith("/__init__.py")


# The face of the package.


def test_import_is_light():
    assert modules_after("import tfnorm") & HEAVY == set()


def test_statistics_of_arrays_need_no_framework():
    code = """
import numpy, tfnorm
recipe = tfnorm.Recipe({"x": tfnorm.schemes.ZScore()})
recipe.fit(tfnorm.analyze({"x": numpy.arange(3)}, recipe))
"""
    assert modules_after(code) & HEAVY == set()


@pytest.mark.parametrize("name", tfnorm.__all__)
def test_a_public_name_is_there(name):
    if name == "tfx":
        pytest.importorskip("tfx")  # It has an environment of its own.
    assert getattr(tfnorm, name) is not None


def test_a_public_function_is_not_hidden_by_a_module():
    modules = {room for room in house.rooms() if room != "tfnorm"}
    assert modules & tfnorm._HOMES.keys() == set()


def test_the_public_names_include_the_lazy_ones():
    assert tfnorm._HOMES.keys() <= {*tfnorm.__all__}
    assert {*tfnorm.__all__} <= {*dir(tfnorm)}


@pytest.mark.skipif(
    importlib.util.find_spec("tfx") is not None, reason="TFX is installed"
)
def test_without_tfx_it_is_said_how_to_get_it():
    with pytest.raises(ImportError, match=r"tfnorm\[tfx\]"):
        tfnorm.tfx  # noqa: B018


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'zscore'"):
        tfnorm.zscore  # noqa: B018


# The metadata.


def test_the_changelog_tells_of_this_version():
    version = re.search(r'version="([^"]+)"', read("setup.py"))
    assert f"## {version[1]}" in read("CHANGELOG.md")


def test_every_requirement_is_pinned():
    required = re.findall(r'"([A-Za-z0-9_-]+)(?:\[[^"]*\])?>=', read("setup.py"))
    # TFX's versions contradict the others, so they stand in a lock of their own.
    pinned = pins("constraints.txt") | pins("pipelines/tfx-lock.txt")
    assert required
    assert {*required} - {*pinned} == set()


def pins(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", read(path), re.MULTILINE))


def test_the_lock_of_tfx_holds_what_tfnorm_needs():
    # Nothing resolves it: it is installed without dependencies.
    (needed,) = re.findall(r"install_requires=\[(.*?)\]", read("setup.py"), re.DOTALL)
    pinned = pins("pipelines/tfx-lock.txt")
    least = dict(re.findall(r'"([a-z0-9-]+)>=([0-9.]+)"', needed))
    assert least
    older = {n for n in least if numbers(pinned.get(n, "0")) < numbers(least[n])}
    assert older == set()


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", version)]


@pytest.mark.parametrize("path", ["tfx-lock.txt", "tfx-test-lock.txt"])
def test_a_lock_names_versions_and_no_places(path):
    lines = [x for x in read(f"pipelines/{path}").splitlines() if x[:1] != "#"]
    assert [x for x in lines if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", x)] == []
