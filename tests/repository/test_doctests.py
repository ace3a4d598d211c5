"""The examples in public docstrings give what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "benchmarks.five_folds.kenlm_baseline",
    "benchmarks.secrets.corpus",
    "device_runtime.adaptation.adapt",
    "device_runtime.adapter.encodings",
    "device_runtime.algorithm_registry",
    "device_runtime.bundle.loader",
    "device_runtime.inference.lexicon",
    "device_runtime.phone.adaptation_policy",
    "device_runtime.prediction.predictor",
    "device_runtime.prediction.typo_correction",
    "device_runtime.prediction.user_model",
    "federated.corpus.importers.formats",
    "federated.corpus.importers.import_source",
    "federated.corpus.importers.inputs.encodings",
    "federated.corpus.importers.inputs.json_document",
    "federated.corpus.importers.inputs.message_fields",
    "federated.corpus.importers.inputs.xml_elements",
    "federated.corpus.importers.columns",
    "federated.corpus.stats",
    "federated.corpus.store",
    "federated.corpus.synthetic.generate",
    "federated.corpus.writer",
    "federated.data.federated_data",
    "federated.job",
    "keyboard_model",
    "keyboard_model.batching",
    "keyboard_model.metrics",
    "keyboard_model.text.normalization",
    "keyboard_model.text.sensitive.codes",
    "keyboard_model.text.sensitive.domains",
    "keyboard_model.text.sensitive.folded_text",
    "keyboard_model.text.sensitive.mask",
    "keyboard_model.text.units",
    "thumbprint.comparison.reporting.phrases",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name))

    assert result.attempted > 0
    assert result.failed == 0
