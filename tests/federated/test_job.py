"""The job file: its defaults, and messages that name the key of each fault."""

import pytest

from federated.job import Job, JobError, load_job


@pytest.fixture
def load(tmp_path):
    def read(content: str) -> Job:
        path = tmp_path / "job.toml"
        path.write_text(content)
        return load_job(path)

    return read


def test_an_empty_file_gives_the_defaults(load):
    assert load("") == Job()


def test_a_relative_corpus_is_relative_to_the_folder_of_the_file(load, tmp_path):
    assert load('corpus = "c.sqlite"').corpus == tmp_path / "c.sqlite"
    assert str(load('corpus = "/c.sqlite"').corpus) == "/c.sqlite"


def test_a_job_can_take_another_fold_if_there_is_one(load):
    job = load("[data]\nnew_phone_share = 0.25")
    assert job.with_fold(3) == load("[data]\nnew_phone_share = 0.25\nfold = 3")
    with pytest.raises(JobError, match="gives the folds 0 to 3"):
        job.with_fold(4)


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
    ("data", "[data]\nfold = 5"),
    ("data", "[data]\nfold = 1\nnew_phone_share = 0"),
    ("data.train_share", "[data]\ntrain_share = 0"),
    ("data.train_share", "[data]\ntrain_share = nan"),
    ("training", '[training]\nsampling = "by_size"\nmax_turns = 3'),
    ("training.min_separation", '[training]\nsampling = "uniform"\nmin_separation = 0'),
    ("personalization.federated", '[personalization.federated]\nsampling = "by_size"\nmin_separation = 3'),
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
    ("personalization.steps", "[personalization]\nsteps = 10_001"),
    ("personalization.steps", "[personalization]\nsteps = 3000000000"),
    ("personalization.method", "[personalization]\nmethod = 3"),
    ("personalization.proximal", "[personalization]\nproximal = -0.1"),
    ("personalization.adapter_dtype", '[personalization]\nadapter_dtype = "int4"'),
    ("personalization.gate.margin", "[personalization.gate]\nmargin = -1"),
    ("personalization.history.discount", "[personalization.history]\ndiscount = 1.5"),
]


@pytest.mark.parametrize(("key", "content"), FAULTS, ids=[content.replace("\n", " ") for _, content in FAULTS])
def test_the_message_of_a_fault_names_the_key_on_one_line(load, key, content):
    with pytest.raises(JobError) as caught:
        load(content)
    assert f"job.toml: {key}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_message_names_several_faults(load):
    with pytest.raises(JobError, match=r"seed: .*training\.rounds: "):
        load("seed = -1\n[training]\nrounds = 0")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.toml", None, "does not exist"),
        (".", None, "cannot read"),
        ("job.toml", b"seed =", "is not valid TOML"),
        ("job.toml", b"\xff\xfe", "is not valid TOML"),
    ],
)
def test_rejects_a_file_that_cannot_be_read_or_parsed(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(JobError, match=message):
        load_job(tmp_path / name)
