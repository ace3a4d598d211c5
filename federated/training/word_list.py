"""The words that enough clients of a corpus typed: for the vocabulary of a training, and as a list for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from federated.corpus.store import Corpus
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.job import Job, TokenizerConfig
from federated.privacy.noisy_counts import NoisyCounts
from federated.runtime.execution_context import execution_context
from federated.training.word_counts import SavedCount, WordReader, shared_word_counts
from keyboard_model.storage.durable_files import atomic_write, erase, require_writable


class WordListError(ValueError):
    """A word list cannot be read; the message names the line."""


def count_training_words(
    clients: FederatedData,
    config: TokenizerConfig,
    saved: Path,
    on_users: Callable[[int, int], None],
    noise: NoisyCounts | None = None,
) -> dict[str, int]:
    """Returns the words of the users in training that `min_clients` of them typed, with their counts, by TFF.

    Args:
        clients: The corpus, split by users and time.
        config: Its limits bound what one user contributes.
        saved: The file of an unfinished count, which continues. Delete it when the counts are used.
        on_users: Called with the number of users counted and that of all.
        noise: That of a private training.

    Raises:
        OSError: the count cannot be saved.
        JobError: see `shared_word_counts`.
    """
    users = clients.population.training
    return shared_word_counts(
        users,
        ClientSource(WordReader(config.max_words), clients),
        min_clients=config.min_clients,
        count_cap=config.count_cap,
        into=SavedCount(config.capacity, saved, f"{len(users)} {config.model_dump()} {noise and noise.norm}"),
        noise=noise,
        on_client=lambda done: on_users(done, len(users)),
    )


def export_word_list(
    job: Job, corpus: Path, out: Path, on_users: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, int]:
    """Writes the words of `count_training_words` to `out`: a word and its count in a line, the most frequent first.

    An interrupted count continues from `<out>.partial`, which only its owner can read.

    Raises:
        CorpusError, OSError: the corpus cannot be read, or the file not written.
    """
    require_writable(out)
    partial = out.with_name(f"{out.name}.partial")
    with Corpus.open(corpus) as opened, execution_context():
        counts = count_training_words(FederatedData.of(opened, job.data, job.seed), job.tokenizer, partial, on_users)
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    atomic_write(out, "".join(f"{word}\t{count}\n" for word, count in most_first).encode())
    erase(partial)
    return counts


def read_word_list(path: Path) -> Mapping[str, int]:
    """Reads what `export_word_list` wrote.

    Raises:
        WordListError: the file cannot be read or is empty, or a line is not a word, a tab and a count.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"cannot read the word list {path}: {error}") from error
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        word, _, count = line.partition("\t")
        if word.split() != [word] or not count.isdecimal() or not 0 < int(count) < 2**31:
            raise WordListError(
                f"{path}, line {number}: expected a word, a tab and a count, as `thumbprint words` writes them"
            )
        counts[word] = int(count)
    if not counts:
        raise WordListError(f"the word list {path} is empty: leave it out, or list words with `thumbprint words`")
    return counts
