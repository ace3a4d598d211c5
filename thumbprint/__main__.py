"""`python -m thumbprint`, and the command `thumbprint`."""

import gc
import sys


def main() -> int:
    """Runs the command line. Returns the exit code."""
    # By default, Python looks for garbage so often that this takes a fifth of the time to import TFF.
    gc.set_threshold(50_000, 20, 50)
    try:
        from thumbprint.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(
            f"error: the command line needs {error.name}, which is not installed: pip install 'thumbprint[cli]'",
            file=sys.stderr,
        )
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())
