"""An audit finds the invented users of a training without privacy, and not those of a private one."""

import json
import stat
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from federated.audit import attack
from federated.audit.canaries import SILENT, AuditError, Canary, invented, read_canaries, with_canaries
from federated.audit.report import audit
from federated.base import Base
from federated.corpus.store import Corpus
from federated.job import Job
from federated.run import Run
from federated.training.train_run import train
from keyboard_model.model import cifg_lstm
from tests.federated.training.test_start_from_base import made_base
from tests.support.federated.runs import tiny_job

WORDS = ("see", "you", "home", "soon", "way", "are", "the", "on")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return made_base(tmp_path_factory.mktemp("made") / "base")


@pytest.fixture(scope="module")
def prepared(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("audit")
    paths = folder / "audit.sqlite", folder / "canaries.json"
    with_canaries(tiny_corpus, *paths, count=120, repetitions=30, words=WORDS, seed=0)
    return paths


def test_the_copy_has_the_invented_users_beside_the_real_ones(prepared, tiny_corpus):
    canaries = read_canaries(prepared[1])
    assert len(canaries) == 120 and 40 < sum(canary.included for canary in canaries) < 80
    assert stat.S_IMODE(prepared[1].stat().st_mode) == 0o600
    with Corpus.open(prepared[0]) as corpus, Corpus.open(tiny_corpus) as original:
        assert corpus.num_users == original.num_users + 120
        for user in original.user_ids():
            assert corpus.messages(user) == original.messages(user)
        for canary in canaries[:9]:
            texts = {message.text for message in corpus.messages(canary.user_id)}
            assert texts == {canary.text if canary.included else SILENT}
            assert corpus.message_count(canary.user_id) == 30


def test_sentences_and_coins_are_drawn_anew_unless_a_seed_says_otherwise(tiny_corpus, tmp_path):
    def drawn(name):
        return with_canaries(
            tiny_corpus, tmp_path / name, tmp_path / f"{name}.json", count=20, repetitions=1, words=WORDS
        )

    assert {canary.text for canary in drawn("one")} & {canary.text for canary in drawn("other")} == set()
    assert len({canary.made_up for canary in drawn("third")}) == 20


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"user_id": "a"}]'])
def test_another_file_is_no_file_of_canaries(tmp_path, content):
    (tmp_path / "canaries.json").write_text(content)
    with pytest.raises(AuditError, match="is not a file of canaries"):
        read_canaries(tmp_path / "canaries.json")


def job(base: Base, privacy: dict | None) -> Job:
    training = {"start": base.path, "clients_per_round": 8, "rounds": 24, "sampling": "uniform"}
    training |= {"server_optimizer": "momentum", "server_learning_rate": 0.5, "server_momentum": 0.5}
    content = tiny_job(**training).model_dump()
    content["tokenizer"]["added_pieces"] = 500
    content["tokenizer"]["min_clients"] = content["ngram"]["min_clients"] = 1
    content["privacy"] = privacy
    return Job.model_validate(content)


def audited(run: Run, prepared: tuple[Path, Path]):
    with Corpus.open(prepared[0]) as corpus:
        return audit(run, run.clients(corpus), read_canaries(prepared[1]))


def test_an_audit_finds_the_leak_of_a_training_without_privacy(base, prepared, tmp_path):
    found = audited(train(job(base, None), prepared[0], tmp_path / "run"), prepared)
    assert found.members + found.others > 70
    assert found.advantage_low > 0.8 and found.epsilon_above > 1.5
    assert found.exposure > 3 and found.words > 0
    assert found.epsilon is None


def test_an_audit_finds_nothing_in_a_private_training(base, prepared, tmp_path):
    privacy = {"epsilon": 8.0, "delta": 1e-3, "clipping_norm": 0.1}
    found = audited(train(job(base, privacy), prepared[0], tmp_path / "run"), prepared)
    assert found.advantage < 0.5, "four standard deviations above nothing"
    assert found.epsilon_above < found.epsilon == pytest.approx(8.0)
    assert found.words == 0


def test_too_few_canaries_are_an_error(base, prepared, tmp_path):
    with Corpus.open(prepared[0]) as corpus:
        clients = tiny_clients(corpus, job(base, None))
        with pytest.raises(AuditError, match="prepare more"):
            audit(Run(tmp_path), clients, invented(30, WORDS, Random(3)))


def tiny_clients(corpus: Corpus, settings: Job):
    from federated.data.federated_data import FederatedData

    return FederatedData.of(corpus, settings.data, settings.seed)


def test_the_log_probability_of_a_text_is_that_of_its_pieces_one_by_one(base):
    tokenizer, parameters, ngram = base.tokenizer(), base.parameters(), base.ngram()
    text = "see you at home"
    ids, expected, state = tokenizer.encode(text).ids, 0.0, cifg_lstm.zero_state(1, parameters)
    before = [ids[0], ids[0]]
    for piece, following in pairwise(ids):
        features, state = cifg_lstm.step(parameters, np.array([piece]), state)
        logits = cifg_lstm.logits(parameters, features).numpy()[0].astype(np.float64)
        network = np.exp(logits - logits.max())
        before = [before[1], piece]
        mixed = 0.7 * network / network.sum() + 0.3 * ngram.distribution(*before)
        expected += np.log(mixed[following])
    found = attack.log_probabilities(parameters, ngram, 0.3, tokenizer, [text, "ok"])
    assert found[0] == pytest.approx(expected, rel=1e-5) and len(found) == 2


def test_the_file_of_canaries_is_plain_json(prepared):
    first = json.loads(prepared[1].read_text())[0]
    assert Canary(**first).made_up == first["text"].split()[-1]
