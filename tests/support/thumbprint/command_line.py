"""The command line as a process, and a valid call of each command, of which a test changes one part."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from typer.core import TyperCommand, TyperGroup

PROGRAM = (sys.executable, "-c", "import sys; from thumbprint.cli.main import main; sys.exit(main())")
"""The command line as a process."""


@dataclass(frozen=True)
class Call:
    """A command line with `{names}` in place of files.

    Attributes:
        line: The words. `{out}` is a folder that the command can write to.
    """

    line: str

    def __str__(self) -> str:
        return " ".join(word for word in self.line.split() if word.isalpha())

    @property
    def inputs(self) -> list[str]:
        """The names of the files that the command reads."""
        return [word.strip("{}") for word in self.line.split() if word.startswith("{") and not word.startswith("{out}")]

    @property
    def writes(self) -> bool:
        return "{out}" in self.line

    def words(self, files: Mapping[str, Path | str]) -> list[str]:
        """Returns the command line with these files."""
        return [word.format(**files) for word in self.line.split()]


CALLS = (
    Call("corpus import {source} --out {out}/corpus.sqlite"),
    Call("corpus synthetic --users 2 --out {out}/corpus.sqlite"),
    Call("corpus stats {corpus}"),
    Call("heterogeneity {corpus} --out {out}/found"),
    Call("recommend {corpus} --out {out}/found"),
    Call("words {job} --corpus {corpus} --out {out}/words.tsv"),
    Call("pretrain {text} --words {words} --out {out}/base"),
    Call("train {job} --corpus {corpus} --run {out}/run"),
    Call("privacy {run}"),
    Call("privacy plan {job} --population 99"),
    Call("audit prepare {corpus} --out {out}/audit.sqlite --canaries 20"),
    Call("audit {run} --canaries-file {canaries} --corpus {corpus}"),
    Call("evaluate {run} --corpus {corpus}"),
    Call("compare {job} --corpus {corpus} --run {run} --out {out}/compared"),
    Call("keys generate --out {out}/keys"),
    Call("export {run} --key {private} --out {out}/my.bundle"),
    Call("bundle verify {bundle} --public-key {public}"),
    Call("bundle inspect {bundle} --public-key {public}"),
    Call("predict {bundle} see --history {history} --public-key {public}"),
    Call("simulate {bundle} --corpus {corpus} --out {out}/phones --public-key {public}"),
    Call("simulate {bundle} --corpus {corpus} --out {out}/fleet --public-key {public} --population 2 --days 1"),
    Call("serve {bundle} --data {out}/devices --port 0 --public-key {public}"),
    Call("access create me --data {out}/devices"),
    Call("access list --data {out}/devices"),
    Call("demo --out {out}/demo"),
)
ANY_TEXT = ("history", "text")
"""Inputs for which every text is valid."""


def leaves(
    command: TyperCommand | TyperGroup, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Yields each command that is not a group, with the words that call it."""
    if isinstance(command, TyperGroup):
        for name, sub in command.commands.items():
            yield from leaves(sub, (*path, name))
    else:
        yield path, command
