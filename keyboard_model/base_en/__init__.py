"""The English base that comes with Thumbprint: the model before any user. README.md beside this file describes it.

`python -m benchmarks.base_en` makes the files.
"""

from pathlib import Path

NAME = Path("base_en")
"""What jobs and commands call it."""
_FOLDER = Path(__file__).parent
BASE = _FOLDER / "base"
"""The base (`federated.base`), from which a training starts."""
BUNDLE = _FOLDER / "base_en.bundle"
"""The same model for phones, signed."""
PUBLIC_KEY = _FOLDER / "thumbprint_public.pem"
"""The key that verifies `BUNDLE`. It can be trusted as far as the installed package can."""


def resolve(named: Path, shipped: Path, folder: Path = Path()) -> Path:
    """Returns `shipped` if `named` is `base_en` and `folder` has nothing of this name; otherwise `folder / named`.

    >>> resolve(Path("base_en"), BUNDLE) == BUNDLE
    True
    >>> resolve(Path("mine.bundle"), BUNDLE, Path("runs")).as_posix()
    'runs/mine.bundle'
    """
    found = folder / named
    return shipped if named == NAME and not found.exists() else found
