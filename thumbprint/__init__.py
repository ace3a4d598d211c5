"""The whole workflow, from a corpus of messages to a keyboard that adapts to its user.

    import thumbprint as tp

    tp.import_corpus("messages.jsonl.gz", "corpus.sqlite")
    job = tp.Job(name="mine", personalization={"method": "ditto"})
    run = tp.train(job, "corpus.sqlite", "runs/mine")
    print(tp.evaluate(run).groups["new_phones"].models["personal"].recall_at_3)

    keys = tp.SigningKeys.generate("keys")
    tp.export_bundle(run, "mine.bundle", keys.private)
    report = tp.simulate("mine.bundle", "corpus.sqlite", "runs/phones", keys.public, users="new")
    print(report.personal.recall_at_3.mean, report.likely_hurt)

    run = tp.personalize(run, "fed_per")  # another method on the same shared model
    comparison = tp.compare(job, "corpus.sqlite", "runs/comparison", runs=[run], quick=True)

The functions are in `thumbprint.workflow`. They print nothing: a callback receives their progress. Everything is
imported on first use. `pretrain`, `train`, `personalize`, `evaluate`, `compare`, `export_bundle` and
`execution_context` load TensorFlow (the extra `train`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from device_runtime.bundle.signing_keys import SigningKeys
    from federated.corpus.importers.import_source import import_corpus
    from federated.corpus.store import Corpus
    from federated.job import Job
    from thumbprint.workflow import (
        compare,
        evaluate,
        execution_context,
        export_bundle,
        personalize,
        pretrain,
        register_method,
        simulate,
        train,
    )
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "device_runtime.bundle.signing_keys": ("SigningKeys",),
            "federated.corpus.importers.import_source": ("import_corpus",),
            "federated.corpus.store": ("Corpus",),
            "federated.job": ("Job",),
            "thumbprint.workflow": (
                "compare",
                "evaluate",
                "execution_context",
                "export_bundle",
                "personalize",
                "pretrain",
                "register_method",
                "simulate",
                "train",
            ),
        },
    )

__all__ = [
    "Corpus",
    "Job",
    "SigningKeys",
    "compare",
    "evaluate",
    "execution_context",
    "export_bundle",
    "import_corpus",
    "personalize",
    "pretrain",
    "register_method",
    "simulate",
    "train",
]
