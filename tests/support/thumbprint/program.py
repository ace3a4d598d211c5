import sys

PROGRAM = (sys.executable, "-c", "import sys; from thumbprint.cli.main import main; sys.exit(main())")
"""The command line as a process of its own."""
