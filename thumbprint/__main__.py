"""`python -m thumbprint`, and the command `thumbprint`."""

import sys


def main() -> int:
    """Runs the command line. Returns the exit code."""
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
