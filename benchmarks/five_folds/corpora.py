"""The corpora that are measured in five folds, and how.

Phones of the two large ones are tested on the first messages of their test, and the largest one is measured on a random
part of the new phones: all of it would take a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from device_runtime.simulation.held_out import DEFAULT_PLAN, TrialPlan

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TEXTS = ROOT.parent / "shared" / "data"
GROUPS = ("training", "new_phones")
_FIRST_MESSAGES = TrialPlan(tested=300, keystrokes=False)


@dataclass(frozen=True)
class BenchmarkCorpus:
    """A corpus, and what is measured on it.

    Attributes:
        name: Of the job file here, of the folder in `runs`, and of the folder of its messages.
        groups: The groups of users that get phones.
        trigrams: The trigrams to compare with. That of what two users or more typed holds 65,536 different units.
        most_users: Most users of a group in a fold, a random sample; None for all.
        plan: What a phone learns from, and what is tested.
        base: The sources (`benchmarks.base_en.sources`) of the base that its job starts from, if that is made for this
            corpus alone.
    """

    name: str
    groups: Sequence[str] = GROUPS
    trigrams: Sequence[str] = ("kenlm", "publishable")
    most_users: int | None = None
    plan: TrialPlan = DEFAULT_PLAN
    base: Sequence[str] = ()

    @property
    def job(self) -> Path:
        return HERE / f"{self.name}.toml"

    @property
    def run(self) -> Path:
        return ROOT / "runs" / self.name

    def messages(self, texts: Path) -> Path:
        """Returns the file of its messages in the folder of the texts."""
        return texts / self.name / "messages.jsonl.gz"


_LARGE = BenchmarkCorpus("", groups=("new_phones",), trigrams=("kenlm",), plan=_FIRST_MESSAGES)

CORPORA: Mapping[str, BenchmarkCorpus] = {
    corpus.name: corpus
    for corpus in (
        BenchmarkCorpus("nus_sms"),
        replace(_LARGE, name="chitchat", base=("common_voice_en.txt.gz", "tatoeba.txt")),
        replace(_LARGE, name="irc", most_users=32),
    )
}
