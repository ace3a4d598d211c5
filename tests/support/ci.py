"""Whether the tests run in CI, where those run that take minutes or need the network."""

import os

IN_CI = bool(os.environ.get("CI"))
