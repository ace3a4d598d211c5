"""A whole pre-training: what it writes, what it learns, which folders it refuses, and how it continues."""

import json

import numpy as np
import pytest

from federated.base import Base, BaseError
from federated.pretraining import central_training
from federated.pretraining.pretrain import pretrain
from federated.pretraining.settings import Pretraining, load_pretraining
from federated.training.word_list import WordListError
from keyboard_model.text.tokenizer import TokenizerError

SENTENCES = ["see you at home", "are you at home", "i am on my way", "see you soon", "on my way home"]
SETTINGS = Pretraining.model_validate(
    {
        "model": {"embedding": 8, "cells": 12},
        "vocabulary": {"vocab_size": 330},
        "training": {"epochs": 4, "batch": 8, "window": 6, "learning_rate": 0.02, "validation_share": 0.3},
    }
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("text") / "sentences.txt"
    path.write_text("".join(f"{SENTENCES[n % 5]} {'abcdefghij'[n % 7]}\n" for n in range(700)))
    return path


@pytest.fixture(scope="module")
def base(text, tmp_path_factory: pytest.TempPathFactory) -> Base:
    stages: list[str] = []
    made = pretrain([text], tmp_path_factory.mktemp("made") / "base", SETTINGS, on_stage=stages.append)
    assert stages == [
        "counting words",
        "reading the text",
        "building the training graph",
        "counting n-grams",
        "measuring on held-out lines",
    ]
    return made


def test_a_base_has_weights_of_its_vocabulary_ngrams_and_figures(base):
    tokenizer, about = base.tokenizer(), base.about()
    assert base.parameters().embedding.shape == (len(tokenizer), 8)
    assert base.parameters().w_p.shape == (12, 8)
    assert base.ngram().vocab == len(tokenizer)
    assert about["files"] == ["sentences.txt"] and about["left_out"] == [] and about["listed_words"] == 0
    assert 0 < about["lines"] < 700 and about["pieces"] > about["lines"]
    assert {path.name for path in base.path.iterdir() if path.name != ".lock"} == {
        "base.json", "model.safetensors", "ngram.safetensors", "started.json", "tokenizer.model",
    }  # fmt: skip


def test_a_base_has_learned_the_sentences(base):
    """The first word of a sentence is one of three, and most others follow from it; the letter at its end does not."""
    validation = base.about()["validation"]
    assert validation["words"] > 300
    assert validation["recall_at_3"] > 0.75 and validation["recall_at_1"] > 0.4


def test_an_interrupted_pretraining_continues_to_the_same_base(text, tmp_path, monkeypatch):
    monkeypatch.setattr(central_training, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(central_training, "STEPS", 3)
    base = pretrain([text], tmp_path / "uninterrupted", SETTINGS)
    done = []

    def interrupt(progress: central_training.TrainingProgress) -> None:
        done.append(progress.step)
        if len(done) in (4, 9):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pretrain([text], tmp_path / "base", SETTINGS, resume=True, on_progress=interrupt)
        with pytest.raises(BaseError, match="is not a finished base"):
            Base(tmp_path / "base").about()
    again = pretrain([text], tmp_path / "base", SETTINGS, resume=True, on_progress=interrupt)
    assert len(done) == len(set(done)) + 2  # the two steps whose state was not saved yet
    for one, other in zip(base.parameters(), again.parameters(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert again.about() == base.about()
    assert not (again.path / "checkpoint.npz").exists()


def test_a_finished_base_is_not_made_again(base, text):
    before = (base.path / "model.safetensors").stat()
    assert pretrain([text], base.path, SETTINGS, resume=True) == base
    assert (base.path / "model.safetensors").stat() == before


def test_a_folder_of_another_pretraining_is_refused(base, text, tmp_path):
    with pytest.raises(BaseError, match="--resume"):
        pretrain([text], base.path, SETTINGS)
    other = tmp_path / "other.txt"
    other.write_text("something else\n" * 9)
    for texts, settings in (([other], SETTINGS), ([text], Pretraining())):
        with pytest.raises(BaseError, match="other settings, text or words"):
            pretrain(texts, base.path, settings, resume=True)


def test_words_of_users_get_pieces(text, tmp_path):
    (tmp_path / "words.tsv").write_text("lol\t7\nhome\t3\n")
    settings = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"epochs": 1})})
    made = pretrain([text], tmp_path / "base", settings, word_list=tmp_path / "words.tsv")
    assert len(made.tokenizer().encode_word("lol")) == 1
    assert made.about()["listed_words"] == 2


@pytest.mark.parametrize("line", ["two words\t3", "word", "word\t0", "word\t-1", "word\tmany", "\t3"])
def test_a_damaged_word_list_is_refused_before_anything_is_written(text, tmp_path, line):
    (tmp_path / "words.tsv").write_text(f"fine\t3\n{line}\n")
    with pytest.raises(WordListError, match="line 2: expected a word, a tab and a count"):
        pretrain([text], tmp_path / "base", SETTINGS, word_list=tmp_path / "words.tsv")
    with pytest.raises(WordListError, match="cannot read"):
        pretrain([text], tmp_path / "base", SETTINGS, word_list=tmp_path / "none.tsv")
    (tmp_path / "words.tsv").write_text("")
    with pytest.raises(WordListError, match="is empty"):
        pretrain([text], tmp_path / "base", SETTINGS, word_list=tmp_path / "words.tsv")
    assert not (tmp_path / "base").exists()


def test_a_text_without_words_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("...\n!!!\n")
    with pytest.raises(TokenizerError, match="no words"):
        pretrain([tmp_path / "text.txt"], tmp_path / "base", SETTINGS)


def test_the_settings_of_a_file_are_checked(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("seed = 3\n[training]\nepochs = 2\n")
    assert load_pretraining(path).training.epochs == 2
    path.write_text("[training]\nepochs = 0\nepoch = 1\n")
    with pytest.raises(BaseError, match=r"training\.epochs.*training\.epoch"):
        load_pretraining(path)


@pytest.mark.parametrize("name", ["base.json", "tokenizer.model", "model.safetensors", "ngram.safetensors"])
def test_a_damaged_or_missing_file_of_a_base_is_named(base, tmp_path, name):
    copied = Base(tmp_path / "base")
    copied.path.mkdir()
    for path in base.path.glob("*.*"):
        (copied.path / path.name).write_bytes(path.read_bytes())
    read = {
        "base.json": copied.about,
        "tokenizer.model": copied.tokenizer,
        "model.safetensors": copied.parameters,
        "ngram.safetensors": copied.ngram,
    }[name]
    (copied.path / name).write_bytes(b"{")
    with pytest.raises(BaseError, match=name):
        read()
    (copied.path / name).unlink()
    with pytest.raises(BaseError, match=name):
        read()


def test_weights_of_another_vocabulary_are_refused(base, tmp_path):
    copied = Base(tmp_path)
    for path in base.path.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    from federated.model_file import write_parameters

    parameters = base.parameters()
    write_parameters(tmp_path / "model.safetensors", parameters._replace(embedding=parameters.embedding[:-1]))
    with pytest.raises(BaseError, match="not those of the vocabulary"):
        copied.parameters()
    assert json.loads((tmp_path / "started.json").read_text())["seed"] == 0
