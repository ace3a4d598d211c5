"""The job file: defaults that work, every fault named by its key."""

import pytest

from federated.job import Job, JobError, load_job


@pytest.fixture
def load(tmp_path):
    def read(content: str) -> Job:
        path = tmp_path / "job.toml"
        path.write_text(content)
        return load_job(path)

    return read


def test_an_empty_file_is_the_defaults(load):
    assert load("") == Job()


def test_a_relative_corpus_counts_from_the_file(load, tmp_path):
    assert load('corpus = "c.sqlite"').corpus == tmp_path / "c.sqlite"
    assert str(load('corpus = "/c.sqlite"').corpus) == "/c.sqlite"


FAULTS = [
    ("seed", "seed = -1"),
    ("seed", "seed = 1.5"),
    ("seed", "seed = 99999999999999999999"),
    ("name", 'name = "../up"'),
    ("name", 'name = ""'),
    ("name", 'name = ".."'),
    ("unknown", "unknown = 1"),
    ("training.round", "[training]\nround = 3"),
    ("training", "training = 3"),
    ("data.new_phone_share", "[data]\nnew_phone_share = 1.0"),
    ("data.new_phone_share", "[data]\nnew_phone_share = -0.1"),
    ("data.new_phone_share", "[data]\nnew_phone_share = nan"),
    ("data.train_share", "[data]\ntrain_share = 0"),
    ("data.train_share", "[data]\ntrain_share = nan"),
    ("tokenizer.vocab_size", "[tokenizer]\nvocab_size = 10"),
    ("tokenizer.vocab_size", "[tokenizer]\nvocab_size = 10000000"),
    ("tokenizer.min_clients", "[tokenizer]\nmin_clients = 0"),
    ("model.cells", "[model]\ncells = 0"),
    ("model.cells", "[model]\ncells = 100000"),
    ("model.embedding", "[model]\nembedding = -96"),
    ("training.rounds", "[training]\nrounds = 0"),
    ("training.rounds", '[training]\nrounds = "many"'),
    ("training.rounds", "[training]\nrounds = 1000000000000000000000000"),
    ("training.batch", "[training]\nbatch = 100000"),
    ("training.window", "[training]\nwindow = 1"),
    ("training.max_minutes", "[training]\nmax_minutes = 0"),
    ("training.clients_per_round", "[training]\nclients_per_round = -3"),
    ("training.client_learning_rate", "[training]\nclient_learning_rate = -1"),
    ("training.client_learning_rate", "[training]\nclient_learning_rate = inf"),
    ("training.client_learning_rate", "[training]\nclient_learning_rate = 1e300"),
    ("training.server_learning_rate", "[training]\nserver_learning_rate = nan"),
    ("training.clip", "[training]\nclip = 0"),
    ("training.clip", "[training]\nclip = 1e300"),
    ("training.weight_cap", "[training]\nweight_cap = -1"),
    ("training.fairness_q", "[training]\nfairness_q = -1"),
    ("ngram.weight", "[ngram]\nweight = 1.0"),
    ("ngram.weight", "[ngram]\nweight = -0.1"),
    ("ngram.min_clients", "[ngram]\nmin_clients = 0"),
    ("ngram.count_cap", "[ngram]\ncount_cap = 0"),
    ("personalization.steps", "[personalization]\nsteps = -1"),
    ("personalization.steps", "[personalization]\nsteps = 3000000000"),
    ("personalization.method", "[personalization]\nmethod = 3"),
    ("personalization.proximal", "[personalization]\nproximal = -0.1"),
    ("personalization.adapter_dtype", '[personalization]\nadapter_dtype = "int4"'),
    ("personalization.gate.margin", "[personalization.gate]\nmargin = -1"),
    ("personalization.history.discount", "[personalization.history]\ndiscount = 1.5"),
]


@pytest.mark.parametrize(("key", "content"), FAULTS, ids=[content.replace("\n", " ") for _, content in FAULTS])
def test_every_fault_is_named_by_its_key(load, key, content):
    with pytest.raises(JobError) as caught:
        load(content)
    assert f"job.toml: {key}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_are_named_at_once(load):
    with pytest.raises(JobError, match=r"seed: .*training\.rounds: "):
        load("seed = -1\n[training]\nrounds = 0")


def test_no_file_no_toml_no_text(load, tmp_path):
    with pytest.raises(JobError, match="does not exist"):
        load_job(tmp_path / "none.toml")
    with pytest.raises(JobError, match="cannot read"):
        load_job(tmp_path)
    with pytest.raises(JobError, match="is no TOML"):
        load("seed =")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(JobError, match="is no TOML"):
        load_job(tmp_path / "bytes.toml")
