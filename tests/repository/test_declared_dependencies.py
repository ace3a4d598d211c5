"""The distributions that setup.cfg declares for the packages are those that they import."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from importlib.metadata import packages_distributions

from tests.repository.test_extras import PACKAGES, ROOT

LOADED_BY_OTHERS = {
    "psycopg": "SQLAlchemy loads it for a postgresql:// address",
    "tensorboard": "tf.summary's files are read with it",
}


def imported(package: str) -> set[str]:
    """Returns the top-level names of all absolute imports in a package, wherever they stand."""
    names: set[str] = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - set(PACKAGES)


def declared() -> set[str]:
    """Returns the distributions of all extras but `dev`."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = "\n".join(value for name, value in config["options.extras_require"].items() if name != "dev")
    names = (re.split(r"[\[<>=;!]", line.strip())[0] for line in extras.splitlines() if line.strip())
    return {canonical(name) for name in names} - {"thumbprint"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(modules: set[str]) -> dict[str, set[str]]:
    provided = packages_distributions()
    return {module: {canonical(name) for name in provided.get(module, [])} for module in modules}


def test_every_import_is_declared():
    modules = distributions(set().union(*(imported(package) for package in PACKAGES)))
    missing = {module for module, names in modules.items() if not names & declared()}

    assert missing == set()


def test_every_declaration_is_imported():
    used = set().union(*distributions(set().union(*(imported(package) for package in PACKAGES))).values())

    assert declared() - used - set(LOADED_BY_OTHERS) == set()
