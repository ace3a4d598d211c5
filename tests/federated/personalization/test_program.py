import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.interpolated import apfl
from federated.corpus.store import Corpus
from federated.data.corpus_share import CorpusShare
from federated.data.federated_data import FederatedData
from federated.job import DataConfig, PersonalizationConfig
from federated.personalization.client_states import ClientStateStore
from federated.personalization.method import SharedModel
from federated.personalization.program import PersonalizationProgram, PersonalizationRound
from keyboard_model.model import adapter, cifg_lstm
from keyboard_model.text import tokenizer
from tests.support.federated.plain_counts import plain_word_counts
from tests.support.federated.worker_with_copy import using_worker_with_copy

ROUNDS = 3


class Killed(Exception):
    pass


@pytest.mark.usefixtures("execution")
def test_rounds_end_alike_also_if_resumed_and_if_a_worker_reads_the_data_itself(tiny_corpus, tmp_path, monkeypatch):
    states_read, read = [], ClientStateStore.clients
    monkeypatch.setattr(
        ClientStateStore, "clients", lambda store, names: states_read.append(len(names)) or read(store, names)
    )
    method = apfl.METHOD  # its clients keep a nested structure with a scalar
    with Corpus.open(tiny_corpus) as corpus:
        clients = FederatedData.of(corpus, DataConfig(), seed=0)
        counts = plain_word_counts(clients.all_training_messages(), min_clients=2)
        pieces = tokenizer.train(counts, 400)
        base = SharedModel(cifg_lstm.init(len(pieces), 8, 12, seed=0), adapter.init(len(pieces), 8, 2, seed=0))
        rounds = {"rounds": ROUNDS, "clients_per_round": 3, "max_windows": 8}
        config = PersonalizationConfig(method="apfl", batch=4, window=8, federated=rounds)

        def run(name: str, until: int = ROUNDS):
            seen = []

            def on_round(report: PersonalizationRound) -> None:
                seen.append(report.round)
                if report.round == until < ROUNDS:
                    raise Killed

            context = method.context(config, pieces.bos)
            program = PersonalizationProgram(
                method, base, context, clients, pieces, seed=0, folder=tmp_path / name, on_round=on_round
            )
            return program, seen

        with pytest.raises(Killed):
            run("interrupted", until=2)[0].run()
        program, seen = run("interrupted")
        resumed, straight, again = program.run(), run("straight")[0].run(), run("straight")[0].run()
        assert seen == [3]
        read_by_worker, batches = [], CorpusShare._data_of
        monkeypatch.setattr(CorpusShare, "_data_of", lambda *given: read_by_worker.append(given) or batches(*given))
        with using_worker_with_copy(corpus):
            by_worker = run("by worker")[0].run()
        assert len(read_by_worker) == 3 * (ROUNDS + 1)  # the measured norm takes a cohort as well
        assert max(states_read) == 3  # a cohort's
        for other in (resumed, again, by_worker):
            for name in (None, *clients.population.training):
                found, expected = (one.server if name is None else one.client(name) for one in (other, straight))
                tf.nest.assert_same_structure(found, expected)
                for part, wanted in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
                    np.testing.assert_allclose(part, wanted, atol=1e-6)
        with ClientStateStore.open(tmp_path / "straight" / "clients.sqlite") as stored:
            _, leaves = stored.server()
        assert leaves[0] > 1.17**ROUNDS  # the clipping norm: it has not grown from 1, but began at a measured one
        alphas = {float(straight.client(name).alpha) for name in clients.population.training}
        assert len(alphas) > 1  # each client that took part learned its own
