"""Lazy public names for a package (PEP 562): `import federated` stays cheap until a name is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_exports(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns the `__getattr__` and `__dir__` of a package that imports its public names when they are first used.

    Args:
        package: The package's `__name__`.
        modules: The names that each module defines, by the module's full name.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get_attribute(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)  # the next use skips this function
        return value

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return get_attribute, directory
