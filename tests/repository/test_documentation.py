"""Links in the documentation lead somewhere, and its commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from thumbprint.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    broken = [target for target in targets if "://" not in target and not (page.parent / target).exists()]

    assert broken == []


def documented_commands():
    """Yields (page, words) of each `thumbprint …` line in the shell blocks of the documentation."""
    for page in PAGES:
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if found := re.search(r"(?:^|[\s;&|])(?:\S*/)?thumbprint (\S.*)", line):
                    words = shlex.split(found[1], comments=True)
                    end = next((i for i, word in enumerate(words) if word in ("|", "&&", "&", ";", ">")), len(words))
                    yield pytest.param(page.name, words[:end], id=f"{page.name}: {' '.join(words[:end])[:60]}")


@pytest.mark.parametrize(("page", "words"), list(documented_commands()))
def test_documented_commands_and_options_exist(page, words):
    if words[0].startswith("-"):
        assert words[0] in ("--version", "--help")
        return
    command = next(entry for entry in COMMANDS if entry.name == words[0]).load()
    arguments = words[1:]
    if hasattr(command, "commands") and not arguments[0].startswith("-"):
        command = command.commands.get(arguments[0]) or command.default
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}

    assert used <= known | {"--help"}
