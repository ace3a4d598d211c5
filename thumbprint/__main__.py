"""`python -m thumbprint`: the command line."""

import sys

from thumbprint.cli.main import main

sys.exit(main())
