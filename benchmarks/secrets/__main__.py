"""Measures the masking of secrets on a made-up corpus: `python -m benchmarks.secrets [--per-shape N] [--wrong]`.

Prints, apart for the shapes that the rules were written with and those held out, the share of secrets masked and of
ordinary messages changed. `--wrong` shows an example of each kind that went wrong.
"""

from __future__ import annotations

import argparse

from benchmarks.secrets.corpus import ordinary_cases, secret_cases
from benchmarks.secrets.measure import Tally, tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--per-shape", type=int, default=40, help="messages of each shape (default: 40)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wrong", action="store_true", help="show an example of each kind that went wrong")
    options = parser.parse_args()
    secrets = tally(secret_cases(options.per_shape, options.seed))
    ordinary = tally(ordinary_cases(options.per_shape, options.seed))
    kinds = [len({*halves[False].messages, *halves[True].messages}) for halves in (secrets, ordinary)]
    print(f"{kinds[0]} kinds of secrets, {kinds[1]} kinds of ordinary messages")
    for held_out, name in ((False, "written with"), (True, "held out")):
        kept, changed = secrets[held_out], ordinary[held_out]
        print(f"{name:>12}: {1 - kept.share:7.2%} of {kept.messages.total():5} secrets masked")
        print(f"{'':>12}  {changed.share:7.2%} of {changed.messages.total():5} ordinary messages changed")
        if options.wrong:
            _show(kept)
            _show(changed)


def _show(counted: Tally) -> None:
    for kind, (text, left) in counted.examples.items():
        print(f"    {counted.wrong[kind]:4} of {counted.messages[kind]:4} {kind}: {text!r} -> {left!r}")


if __name__ == "__main__":
    main()
