"""Measures how the users of a corpus differ and, if a run is given, how they differ at its shared model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from federated.corpus.store import Corpus
from federated.heterogeneity.divergence import (
    Divergence,
    Halves,
    Pair,
    between_users,
    common_length,
    leave_one_out,
    plain_to_others,
    split_in_halves,
    temporal_drift,
    word_evidence,
)
from federated.heterogeneity.report import Heterogeneity, UserRow, comparison, size_skew, summarize_users
from federated.heterogeneity.user_clusters import Clusters, clusters
from federated.heterogeneity.user_texts import UserTexts, read_user_texts, share_outside_vocabulary
from federated.job import DataConfig

if TYPE_CHECKING:
    from federated.heterogeneity.at_shared_model import AtSharedModel

MAX_USERS = 500


def _ignored(done: int, total: int) -> None:
    """The default callback: does nothing."""


def measure(
    path: Path,
    run: Path | None = None,
    *,
    max_users: int = MAX_USERS,
    seed: int = 0,
    on_users: Callable[[int, int], None] = _ignored,
) -> Heterogeneity:
    """Measures a corpus, which is read one client at a time.

    Args:
        path: The corpus.
        run: The folder of a finished training on it.
        max_users: If the corpus has more users, this many are drawn at random.
        seed: Seed of every random draw.
        on_users: Called with the users done and the users in total, while reading and again at the run's model.

    Raises:
        HeterogeneityError: fewer than two users typed a word.
        CorpusError: the corpus cannot be read.
        RunError: the run is not finished, or was trained on another corpus.
        WorkerError: a TFF worker cannot be reached.
    """
    with Corpus.open(path) as corpus:
        if run is None:
            share = DataConfig().train_share
            user_texts = read_user_texts(corpus, max_users=max_users, train_share=share, seed=seed, on_users=on_users)
            return _measured(corpus, user_texts, share, seed, None, None)
        from federated.heterogeneity.at_shared_model import at_shared_model, checked_run

        folder = checked_run(run, corpus)
        share = folder.job().data.train_share
        user_texts = read_user_texts(corpus, max_users=max_users, train_share=share, seed=seed, on_users=on_users)
        at_model = at_shared_model(folder, corpus, user_texts, seed, on_users)
        return _measured(corpus, user_texts, share, seed, run, at_model)


def _measured(
    corpus: Corpus, user_texts: UserTexts, share: float, seed: int, run: Path | None, at_model: AtSharedModel | None
) -> Heterogeneity:
    length = common_length([len(user.words) for user in user_texts.users])
    halves = split_in_halves(user_texts, length, seed) if length else ()
    pairs = between_users(halves, seed)
    groups = clusters(halves, seed)
    users = _rows(user_texts, halves, groups, seed, at_model)
    return Heterogeneity(
        corpus_id=corpus.corpus_id,
        corpus=corpus.description,
        synthetic=corpus.synthetic,
        users_in_corpus=corpus.num_users,
        run=None if run is None else str(run),
        train_share=share,
        seed=seed,
        messages=size_skew([user.messages for user in users]),
        words=size_skew([user.words for user in users]),
        length=length,
        compared=len(halves),
        plain_to_others=summarize_users(user.plain_to_others for user in users),
        to_others=comparison(user.to_others for user in users if user.to_others),
        between_users=comparison(pair.divergence for pair in pairs),
        drift=comparison(user.drift for user in users if user.drift),
        outside_shared=summarize_users(user.outside_shared for user in users),
        outside_tokenizer=summarize_users(user.outside_tokenizer for user in users),
        signal=word_evidence(halves, len(user_texts.vocabulary)) if halves else None,
        clusters=groups,
        within_clusters=_within(pairs, halves, groups),
        gradients=at_model.gradients if at_model else None,
        users=users,
        pairs=pairs,
    )


def _rows(
    user_texts: UserTexts, halves: tuple[Halves, ...], groups: Clusters, seed: int, at_model: AtSharedModel | None
) -> tuple[UserRow, ...]:
    compared = [half.user.user_id for half in halves]
    divergences: dict[str, Divergence] = dict(zip(compared, leave_one_out(user_texts, halves, seed), strict=True))
    drifts = {half.user.user_id: temporal_drift(half) for half in halves}
    members = dict(zip(compared, groups.members, strict=True))
    outside = at_model.outside_tokenizer if at_model else [None] * len(user_texts.users)
    columns = zip(
        user_texts.users, plain_to_others(user_texts), share_outside_vocabulary(user_texts), outside, strict=True
    )
    return tuple(
        UserRow(
            user_id=user.user_id,
            messages=user.messages,
            words=len(user.words),
            plain_to_others=plain,
            to_others=divergences.get(user.user_id),
            drift=drifts.get(user.user_id),
            outside_shared=unshared,
            outside_tokenizer=unknown,
            cluster=members.get(user.user_id),
            gradient=at_model.users.get(user.user_id) if at_model else None,
        )
        for user, plain, unshared, unknown in columns
    )


def _within(pairs: tuple[Pair, ...], halves: tuple[Halves, ...], groups: Clusters) -> float | None:
    group = {half.user.user_id: member for half, member in zip(halves, groups.members, strict=True)}
    inside = [pair.divergence.difference for pair in pairs if group[pair.first] == group[pair.second]]
    return float(np.mean(inside)) if inside and groups.count > 1 else None
