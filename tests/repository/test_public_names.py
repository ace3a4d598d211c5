"""The public names of the packages: complete, lazy and documented."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACES = [
    "api",
    "device_runtime",
    "device_runtime.simulation",
    "federated",
    "federated.algorithms",
    "keyboard_model",
    "tflite_export",
    "thumbprint",
]
HEAVY = ("tensorflow", "tensorflow_federated", "ai_edge_litert", "fastapi", "sqlalchemy", "matplotlib", "numpy")


@pytest.mark.parametrize("package", FACES)
def test_every_public_name_can_be_imported(package):
    face = importlib.import_module(package)

    assert face.__all__ == sorted(face.__all__)
    for name in face.__all__:
        value = getattr(face, name)
        assert value.__doc__, f"{package}.{name} has no docstring"
    assert set(face.__all__) <= set(dir(face))


@pytest.mark.parametrize("package", FACES)
def test_type_checkers_see_the_same_names_as_the_program(package):
    tree = ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text())
    branch = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {name.name: node.module for node in branch.body if isinstance(node, ast.ImportFrom) for name in node.names}
    call = next(node for node in ast.walk(branch) if isinstance(node, ast.Call))
    lazy = {name: module for module, names in ast.literal_eval(call.args[1]).items() for name in names}

    assert typed == lazy
    assert sorted(typed) == importlib.import_module(package).__all__


@pytest.mark.parametrize("package", FACES)
def test_importing_a_package_loads_none_of_its_libraries(package):
    code = f"import sys, {package}; print([name for name in {HEAVY!r} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'thumbprint' has no attribute 'nothing'"):
        importlib.import_module("thumbprint").nothing  # noqa: B018
