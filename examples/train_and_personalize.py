"""The whole workflow on a synthetic corpus: train, personalize, evaluate, export, simulate.

python examples/train_and_personalize.py OUT_FOLDER job.toml [NUMBER_OF_USERS]
"""

import sys
from pathlib import Path

import thumbprint as tp
from federated.corpus.synthetic.generate import write_synthetic
from federated.job import load_job


def main(out: Path, job_file: Path, users: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    corpus = out / "corpus.sqlite"
    write_synthetic(corpus, users=users, messages=(20, 40))

    run = tp.train(load_job(job_file), corpus, out / "run", on_stage=print)
    for method in ("fine_tuning", "ditto"):  # two methods on the same shared model
        run = tp.personalize(run, method)
        evaluation = tp.evaluate(run, min_messages=2)
        for group, figures in evaluation.groups.items():
            print(method, group, figures.models)

    keys = tp.SigningKeys.generate(out / "keys")
    print(tp.export_bundle(run, out / "example.bundle", keys.private))
    report = tp.simulate(out / "example.bundle", corpus, out / "phones", keys.public, min_messages=2)
    print("recall@3 of the personal model, mean over users:", report.personal.recall_at_3.mean)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 60)
