"""Exports a signed bundle of an untrained small model (V≈600, E=16, H=32, r=2; windows of 4x10), in seconds."""

from __future__ import annotations

from pathlib import Path


def write_small_bundle(path: Path, corpus: Path, private_key: Path) -> None:
    """Writes the bundle to the folder `path`; `corpus` supplies the words of its tokenizer. Imports TensorFlow."""
    from device_runtime.manifest import Provenance
    from federated.algorithms import thumbprint
    from federated.corpus.store import Corpus
    from federated.data.corpus_share import ClientSource
    from federated.data.federated_data import FederatedData
    from federated.job import DataConfig, PersonalizationConfig
    from federated.personalization.method import SharedModel
    from federated.runtime.execution_context import execution_context
    from federated.training.word_counts import SavedCount, WordReader, shared_word_counts
    from keyboard_model.model import adapter, cifg_lstm
    from keyboard_model.text import tokenizer
    from tflite_export.export import export_bundle
    from thumbprint.pipeline.export import recipe_of

    with Corpus.open(corpus) as opened, execution_context():
        clients = FederatedData.of(opened, DataConfig(), seed=0)
        read = ClientSource(WordReader(max_words=1000), clients)
        counts = shared_word_counts(
            clients.population.training, read, min_clients=2, count_cap=100, into=SavedCount(10_000)
        )
    pieces = tokenizer.train(counts, 600)
    config, method = PersonalizationConfig(), thumbprint.METHOD
    assert method.phone is not None  # this method runs on phones
    parameters = cifg_lstm.init(len(pieces), 16, 32, seed=0)
    base = SharedModel(parameters, adapter.init(len(pieces), 16, rank=2, seed=0))
    part = method.phone(base, base.adapter, method.context(config, pieces.bos))
    export_bundle(
        path,
        name="tiny",
        parameters=part.parameters,
        starts=part.starts,
        tokenizer=pieces,
        windows=(4, 10),
        rank=2,
        recipe=recipe_of(config, method, part),
        provenance=Provenance(
            corpus_id="0" * 64,
            corpus="synthetic",
            synthetic=True,
            algorithm="none: untrained",
            rounds=0,
            seed=0,
            epsilon=None,
            delta=None,
            thumbprint="0",
        ),
        metrics={},
        private_key=private_key,
    )
