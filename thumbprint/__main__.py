"""`python -m thumbprint`: the command line."""

import sys

from thumbprint.cli import main

sys.exit(main())
