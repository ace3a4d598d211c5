"""A training that starts from a base: what it takes over, and which bases and resumed runs are refused."""

import shutil
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest

from federated.base import Base, BaseError
from federated.job import Job, load_job
from federated.pretraining.pretrain import pretrain
from federated.pretraining.settings import Pretraining
from federated.run import Run, RunError
from federated.training.start_from_base import start_from
from federated.training.train_run import train
from federated.training.word_list import export_word_list
from keyboard_model import base_en
from tests.support.federated.runs import tiny_job

SETTINGS = Pretraining.model_validate(
    {
        "model": {"embedding": 12, "cells": 10},
        "vocabulary": {"vocab_size": 330},
        "training": {"epochs": 1, "batch": 4, "window": 6},
    }
)


def made_base(folder: Path, seed: int = 0) -> Base:
    text = folder.with_suffix(".txt")
    text.write_text("see you at home\nare you on the way\nok, see you soon\n" * 20 + " ".join(ascii_lowercase) * 20)
    return pretrain([text], folder, SETTINGS.model_copy(update={"seed": seed}))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return made_base(tmp_path_factory.mktemp("made") / "base")


def job_from(base: Base, **training: object) -> Job:
    return tiny_job(rounds=1, **{"start": base.path, **training})


@pytest.fixture(scope="module")
def finished(base, tiny_corpus, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(job_from(base), tiny_corpus, tmp_path_factory.mktemp("finished") / "run")


def test_the_run_has_the_vocabulary_of_the_base_and_the_words_of_its_users(finished, base, tiny_corpus, tmp_path):
    pieces, known = finished.tokenizer().pieces, base.tokenizer().pieces
    assert pieces[: len(known)] == known
    counts = export_word_list(finished.job(), tiny_corpus, tmp_path / "words.tsv")
    assert [word for word in counts if len(base.tokenizer().encode_word(word)) > 1]
    assert not [word for word in counts if len(finished.tokenizer().encode_word(word)) > 1 and word.isalpha()]


def test_a_new_piece_starts_as_the_mean_of_those_that_it_replaces(base):
    word = "zzyx"
    replaced = base.tokenizer().encode_word(word)
    started = start_from(base, {word: 5}, 100)
    (piece,) = started.tokenizer.encode_word(word)
    weights = base.parameters()
    for new, old in ((started.parameters.embedding, weights.embedding), (started.parameters.d, weights.d)):
        np.testing.assert_array_equal(new[: len(old)], old)
        np.testing.assert_allclose(new[piece], old[replaced].mean(0), rtol=1e-6)
    assert started.ngram.vocab == len(started.tokenizer) == len(started.parameters.d)


def test_without_added_pieces_the_vocabulary_is_that_of_the_base(base, tiny_corpus, tmp_path):
    job = job_from(base)
    job = job.model_copy(update={"tokenizer": job.tokenizer.model_copy(update={"added_pieces": 0})})
    assert train(job, tiny_corpus, tmp_path / "run").tokenizer().model == base.tokenizer().model


def test_the_run_has_the_sizes_of_the_base(finished):
    assert (finished.job().model.embedding, finished.job().model.cells) == (12, 10)
    assert finished.parameters("last").w_p.shape == (10, 12)
    assert finished.read_json("base.json")["files"] == ["base.txt"]


def test_the_first_round_starts_with_the_weights_of_the_base(base, tiny_corpus, tmp_path):
    still = job_from(base, client_learning_rate=0.0)
    run = train(still, tiny_corpus, tmp_path / "still")
    for trained, started in zip(run.parameters("last"), run.parameters("initial"), strict=True):
        np.testing.assert_allclose(trained, started, atol=1e-6)
    np.testing.assert_array_equal(run.parameters("initial").w_h, base.parameters().w_h)


def test_the_ngrams_of_the_run_are_those_of_its_users_and_of_the_base(finished, base, tiny_corpus, tmp_path):
    both, public = finished.ngram(), base.ngram().widened(len(finished.tokenizer()))
    assert set(public.bigrams.contexts) < set(both.bigrams.contexts)
    assert set(public.trigrams.contexts) < set(both.trigrams.contexts)
    assert np.abs(both.unigram - public.unigram).max() > 0.01


def test_training_moves_the_weights(finished, base):
    assert np.abs(finished.parameters("last").w_h - base.parameters().w_h).max() > 1e-4


def test_a_run_continues_wherever_the_same_base_is_now(finished, base, tiny_corpus, tmp_path):
    run, moved = Run(tmp_path / "run"), Base(tmp_path / "moved")
    shutil.copytree(finished.path, run.path)
    shutil.copytree(base.path, moved.path)
    before = run.parameters("last")
    train(job_from(moved), tiny_corpus, run.path, resume=True)
    assert np.array_equal(run.parameters("last").embedding, before.embedding)


def test_a_run_is_not_resumed_from_another_base_or_none(finished, tiny_corpus, tmp_path):
    run = Run(tmp_path / "run")
    shutil.copytree(finished.path, run.path)
    other = made_base(tmp_path / "other", seed=1)
    without = job_from(other, start=None).model_copy(update={"model": finished.job().model})
    for job in (job_from(other), without):
        with pytest.raises(RunError, match=r"another `training\.start`"):
            train(job, tiny_corpus, run.path, resume=True)


def test_a_run_with_weights_of_its_own_is_not_resumed_from_a_base(base, tiny_corpus, tmp_path):
    own = tiny_job(rounds=1).model_copy(update={"model": job_from(base).model.model_copy(update={"embedding": 12})})
    own = own.model_copy(update={"model": own.model.model_copy(update={"cells": 10})})
    train(own, tiny_corpus, tmp_path / "run")
    with pytest.raises(RunError, match=r"another `training\.start`"):
        train(job_from(base), tiny_corpus, tmp_path / "run", resume=True)


def test_an_unfinished_or_missing_base_is_refused_before_a_run_is_written(base, tiny_corpus, tmp_path):
    shutil.copytree(base.path, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "base.json").unlink()
    for name in ("unfinished", "none"):
        with pytest.raises(BaseError, match="thumbprint pretrain"):
            train(tiny_job(start=tmp_path / name), tiny_corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_relative_start_is_relative_to_the_job_file(tmp_path):
    (tmp_path / "job.toml").write_text('[training]\nstart = "bases/mine"\n')
    assert load_job(tmp_path / "job.toml").training.start == tmp_path / "bases" / "mine"


def test_base_en_is_the_shipped_base_unless_a_folder_has_its_name(tmp_path):
    (tmp_path / "job.toml").write_text('[training]\nstart = "base_en"\n')
    assert load_job(tmp_path / "job.toml").training.start == base_en.BASE
    (tmp_path / "base_en").mkdir()
    assert load_job(tmp_path / "job.toml").training.start == tmp_path / "base_en"
