# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The rooms of the house, and who imports whom, read from the tree and BUILD."""

import ast
import functools
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).absolute().parents[1]
FOLDERS = ("tfnorm", "tests", "pipelines", "examples", "benchmarks", "docs")

# A room imports rooms of a lower rank only. `tfnorm` is tfnorm/__init__.py.
RANKS = {
    "errors": 0,
    "arrays": 1,
    "config": 1,
    "files": 1,
    "statistics": 2,
    "bijectors": 2,
    "sources": 2,
    "schemes": 3,
    "recipe": 4,
    "artifact": 4,
    "analysis": 5,
    "comparison": 5,
    "suggestion": 5,
    "layers": 6,
    "beam": 6,
    "baking": 7,
    "tft": 7,
    "tfx": 8,
    "cli": 8,
    "tfnorm": 9,
}

# What a room may import beside the standard library, numpy and ml_dtypes.
THIRD_PARTIES = {
    # Beam's file systems reach what is not on this machine; loaded for such paths only.
    "files": {"apache_beam"},
    "artifact": {"tensorflow_metadata"},
    # Pillow and TensorFlow decode images, and are loaded by whoever asks for it: the
    # pixels of a data set are those of the decoder that serves, so it is a choice.
    # So do soundfile and librosa, of audio.
    "sources": {
        "PIL",
        "array_record",
        "google.protobuf",
        "google_crc32c",
        "librosa",
        "pyarrow",
        "soundfile",
        "soxr",
        "tensorflow",
    },
    "layers": {"keras"},
    "beam": {"apache_beam", "grpc"},
    "baking": {"keras", "tensorflow"},
    "tft": {"apache_beam", "tensorflow", "tensorflow_transform"},
    "suggestion": {"google.protobuf", "tensorflow_metadata"},
    "tfx": {"apache_beam", "keras", "ml_metadata", "tensorflow", "tfx"},
    "cli": {"click", "rich"},
}
NUMERIC = {"numpy", "ml_dtypes"}

# Modules of types: their names are imported from them, as everyone does.
TYPES = {"__future__", "collections.abc", "typing"}

# Where a package is not called what it is imported as.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "sklearn": "scikit_learn",
}


def python_files(*folders: str) -> list[str]:
    """Returns the Python files in the folders, as paths from the root."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in files)


def everything() -> list[str]:
    """Returns every Python file of the project, as paths from the root."""
    return ["setup.py", *python_files(*FOLDERS)]


def room_of(path: str) -> str:
    """Returns the room that a file under tfnorm/ belongs to."""
    name = pathlib.PurePosixPath(path).relative_to("tfnorm").parts[0]
    name = name.removesuffix(".py")
    return {"__init__": "tfnorm", "__main__": "cli"}.get(name, name)


def rooms() -> list[str]:
    """Returns the rooms there are, the lowest first."""
    there = {room_of(path) for path in python_files("tfnorm")}
    return sorted(there, key=lambda room: (RANKS.get(room, -1), room))


@functools.cache
def parse(path: str) -> ast.Module:
    """Returns the syntax tree of a file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def imports(path: str) -> list[tuple[str, str | None]]:
    """Returns the (module, name) of each import, also of those in functions.

    `import a.b` gives `("a.b", None)`, `from a import b` gives `("a", "b")` and
    `importlib.import_module("a.b")` gives `("a.b", None)`.
    """
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(parse(path)):
        match node:
            case ast.Import(names=names):
                found += [(alias.name, None) for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                source = "." * level + (module or "")
                found += [(source, alias.name) for alias in names]
            case ast.Call(
                func=ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                found.append((module, None))
    return found


def imported_rooms(path: str) -> set[str]:
    """Returns the rooms that a file imports; `import tfnorm` is one of them."""
    names = [
        module if name is None else f"{module}.{name}" for module, name in imports(path)
    ]
    own = [name.split(".")[1:] for name in names if name.split(".")[0] == "tfnorm"]
    return {rest[0] if rest and rest[0] in RANKS else "tfnorm" for rest in own}


def imported_helpers(path: str) -> set[str]:
    """Returns the modules of tests/ that a file imports."""
    helpers = {pathlib.PurePosixPath(file).stem for file in python_files("tests")}
    names = [name if module == "tests" else module for module, name in imports(path)]
    return {name for name in names if name in helpers} - {"__init__"}


def imported_third_parties(path: str) -> set[str]:
    """Returns the top-level packages that are neither ours nor Python's."""
    found = set()
    for module, name in imports(path):
        full = module.split(".") + ([name] if name else [])
        top = ".".join(full[:2]) if full[0] == "google" else full[0]
        found.add(top)
    return found - set(sys.stdlib_module_names) - set(FOLDERS) - imported_helpers(path)


def upward_imports(path: str) -> list[str]:
    """Returns the rooms that a file imports although they are not below it."""
    here = room_of(path)
    others = imported_rooms(path) - {here}
    return sorted(room for room in others if RANKS[room] >= RANKS[here])


def foreign_imports(path: str) -> list[str]:
    """Returns the third parties that the file's room may not import."""
    allowed = NUMERIC | THIRD_PARTIES.get(room_of(path), set())
    return sorted(imported_third_parties(path) - allowed)


def _is_module(package: str, name: str) -> bool:
    # On disk, since looking a submodule up would import its package.
    top, *rest = package.split(".")
    if top in FOLDERS:
        folders = [str(ROOT / top)]
    else:
        spec = importlib.util.find_spec(top)
        if spec is None:
            return name.islower()  # Not installed: a class would not be.
        folders = list(spec.submodule_search_locations or [])
    places = [pathlib.Path(folder, *rest, name) for folder in folders]
    return any(p.is_dir() or list(p.parent.glob(f"{name}.*")) for p in places)


def imported_names(path: str) -> list[str]:
    """Returns the imports of a class or function where a module is wanted."""
    return sorted(
        f"from {module} import {name}"
        for module, name in imports(path)
        if name and module not in TYPES
        if module.startswith(".") or not _is_module(module, name)
    )


def legacy_keras(path: str) -> list[int]:
    """Returns the lines that say `tf.keras` in one way or another."""
    modules = ("tensorflow.keras", "tf_keras")
    lines = []
    for node in ast.walk(parse(path)):
        match node:
            case ast.Attribute(value=ast.Name(id="tf" | "tensorflow"), attr="keras"):
                lines.append(node.lineno)
            case ast.ImportFrom(module="tensorflow", names=names):
                lines += [node.lineno for alias in names if alias.name == "keras"]
            case ast.ImportFrom(module=str(module)) if module.startswith(modules):
                lines.append(node.lineno)
            case ast.Import(names=names):
                names = [alias.name for alias in names]
                lines += [node.lineno for name in names if name.startswith(modules)]
    return lines


def expected_deps(paths: list[str]) -> set[str]:
    """Returns the labels that BUILD must list for files with such imports."""
    deps = set()
    for path in paths:
        third = imported_third_parties(path)
        deps |= {f"@pypi//{DISTRIBUTIONS.get(name, name)}" for name in third}
        deps |= {f":{name}" for name in imported_rooms(path) | imported_helpers(path)}
    return deps


@functools.cache
def targets() -> dict[str, dict]:
    """Returns the targets of BUILD by name; a BUILD file reads as Python."""
    found: dict[str, dict] = {}

    def rule(kind: str, name: str, **fields) -> None:
        found[name] = {"kind": kind, "srcs": [], "deps": [], **fields}

    def glob(include: list[str], **_) -> list[str]:
        paths = [path for pattern in include for path in ROOT.glob(pattern)]
        return sorted(path.relative_to(ROOT).as_posix() for path in paths)

    kinds = ("py_library", "py_test", "filegroup")
    language = {kind: functools.partial(rule, kind) for kind in kinds}
    ignored = {name: lambda *_, **__: None for name in ("load", "package")}
    text = (ROOT / "BUILD").read_text(encoding="utf-8")
    exec(compile(text, "BUILD", "exec"), {**language, **ignored, "glob": glob})
    return found


def of_kind(kind: str) -> dict[str, dict]:
    """Returns the targets of one kind by name."""
    return {name: rule for name, rule in targets().items() if rule["kind"] == kind}
