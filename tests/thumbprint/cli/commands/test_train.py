"""`thumbprint train` and `thumbprint worker`."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess

import numpy as np
import portpicker
import psutil
import pytest

from federated.run import Run
from federated.runtime.credentials import CredentialFiles
from tests.support.thumbprint.command_line import PROGRAM


def test_trains_a_run_and_resumes_it(run, job_file, tiny_corpus, tmp_path):
    folder = tmp_path / "run"
    code, out, err = run("train", job_file, "--corpus", tiny_corpus, "--run", folder)
    assert code == 0
    for name in ("best.safetensors", "last.safetensors", "tokenizer.model", "rounds.csv", "summary.json"):
        assert (folder / name).is_file()
    assert "SYNTHETIC" in out
    assert re.search(r"rounds +│ 2", out)
    assert re.search(r"recall@3 on validation users +│ \d+\.\d %", out)
    assert [line.split(":")[0] for line in err.splitlines()] == ["round 1 of 2", "round 2 of 2"]
    assert all(text in err for text in ("loss", "recall@3", "tokens/s", "left"))

    assert "--resume" in run("train", job_file, "--corpus", tiny_corpus, "--run", folder).error
    before = (folder / "best.safetensors").read_bytes()
    code, out, _ = run("train", job_file, "--corpus", tiny_corpus, "--run", folder, "--resume")
    assert code == 0
    assert (folder / "best.safetensors").read_bytes() == before


def test_the_job_can_name_corpus_and_run(run, job_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "j.toml").write_text('name = "mine"\ncorpus = "missing.sqlite"\n')
    assert "missing.sqlite" in run("train", "j.toml").error
    assert not (tmp_path / "runs" / "mine" / "job.json").exists()


@pytest.mark.parametrize(
    ("job", "arguments", "expected"),
    [
        ("", (), "--corpus"),
        ("nosuch = 1", (), "nosuch"),
        ("[training]\nrounds = -1", (), "training.rounds"),
        ("[", (), "TOML"),
        ("", ("--corpus", "c", "--workers", "here"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:0"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:1,"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:1,here:1"), "twice"),
        ("", ("--corpus", "c", "--workers", "192.0.2.1:1"), "--token-file and --tls-ca, or --insecure"),
        ("", ("--corpus", "c", "--token-file", "t"), "--tls-ca"),
        ("", ("--corpus", "c", "--tls-ca", "t"), "--token-file"),
        ("", ("--corpus", "c", "--tls-ca", "c", "--token-file", "missing"), "cannot read missing"),
        ("", ("--corpus", "c", "--concurrent-clients", "0"), "--concurrent-clients"),
        ("", ("--corpus", "c", "--round-minutes", "0"), "--round-minutes"),
        ("", ("--corpus", "c"), "corpus import"),
    ],
)
def test_rejects_unusable_jobs_and_options_before_it_writes(run, tmp_path, monkeypatch, job, arguments, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "j.toml").write_text(job)
    assert expected in run("train", "j.toml", *arguments).error
    assert not list(tmp_path.glob("runs/*/job.json"))


def test_a_training_without_workers_prints_how_to_resume(run, job_file, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("federated.runtime.worker_connection._START_SECONDS", 0.2)
    addresses = f"localhost:{portpicker.pick_unused_port()}"
    arguments = ("--corpus", tiny_corpus, "--run", tmp_path / "run", "--workers", addresses, "--round-minutes", 7)
    code, _, err = run("train", job_file, *arguments)
    assert code == 2 and f"the worker at {addresses} does not answer" in err
    assert all(text in err for text in ("--resume", f"--workers {addresses}", "--round-minutes 7"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_prints_how_to_resume_and_leaves_no_worker(job_file, tiny_corpus, tmp_path, number, code):
    job = tmp_path / "long.toml"
    job.write_text(job_file.read_text().replace("rounds = 2", "rounds = 100000"))
    folder = tmp_path / "a run"
    process = subprocess.Popen(
        [*PROGRAM, "train", str(job), "--corpus", str(tiny_corpus), "--run", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    try:
        for line in process.stderr:
            if line.startswith("round 2 of"):
                break
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        process.send_signal(number)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in err
    (command,) = (line.partition("with: ")[2] for line in err.splitlines() if line.startswith("stopped"))
    assert shlex.split(command) == [
        *("thumbprint", "train", str(job), "--run", str(folder), "--resume", "--corpus", str(tiny_corpus)),
    ]
    assert not any(worker.is_running() for worker in workers)
    assert list((folder / "state").iterdir())
    assert json.loads((folder / "job.json").read_text())["name"] == "tiny"


EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}


def start(port, *arguments):
    return subprocess.Popen(
        [*PROGRAM, "worker", "--listen", f"localhost:{port}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    return CredentialFiles.generate(tmp_path_factory.mktemp("credentials"), ["localhost"])


@pytest.fixture
def workers(credentials, tiny_corpus):
    """Two workers with TLS, the second of which has a copy of the corpus."""
    token, certificate, key = credentials
    options = ("--token-file", token, "--tls-cert", certificate, "--tls-key", key)
    ports = [portpicker.pick_unused_port() for _ in range(2)]
    started = {
        port: start(port, *options, *copy) for port, copy in zip(ports, ((), ("--corpus", tiny_corpus)), strict=True)
    }
    try:
        for port, process in started.items():
            assert process.stdout.readline() == f"worker listens on localhost:{port} with TLS; Ctrl-C stops it\n"
        yield started
        errors = []
        for process in started.values():
            process.terminate()
            errors.append(process.communicate(timeout=300)[1])
        assert errors == ["ended by SIGTERM\n"] * 2
    finally:
        for process in started.values():
            process.kill()


def test_two_workers_with_tls_train_the_same_model_as_one_machine(
    run, workers, credentials, tiny_run, job_file, tiny_corpus, tmp_path
):
    folder = tmp_path / "run"
    addresses = ",".join(f"localhost:{port}" for port in workers)
    options = ("--workers", addresses, "--token-file", credentials.token, "--tls-ca", credentials.certificate)
    code, _, err = run("train", job_file, "--corpus", tiny_corpus, "--run", folder, *options)
    assert (code, err.count("round ")) == (0, 2)
    # The training neither started nor stopped workers.
    assert [len(children(process)) for process in workers.values()] == [2, 2]
    single, distributed = (Run(path).parameters("last") for path in (tiny_run, folder))
    for name, expected in single._asdict().items():
        np.testing.assert_allclose(getattr(distributed, name), expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("number", EXIT_CODES)
def test_the_worker_process_ends_with_the_command(number):
    process = start(portpicker.pick_unused_port())
    process.stdout.readline()
    started = children(process)
    assert len(started) == 2
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == EXIT_CODES[number]
    assert "Traceback" not in err
    assert not psutil.wait_procs(started, timeout=120)[1]


def test_reports_a_worker_that_was_killed():
    port = portpicker.pick_unused_port()
    process = start(port)
    process.stdout.readline()
    max(children(process), key=psutil.Process.create_time).kill()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err == f"error: the worker at localhost:{port} was killed by signal 9 (out of memory?): start it again\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--listen", "9000"), "HOST:PORT"),
        (("--listen", "0.0.0.0:9000"), "--token-file, --tls-cert and --tls-key, or --insecure"),
        (("--listen", "localhost:9000", "--token-file", "t"), "together"),
        (("--listen", "localhost:9000", "--token-file", "t", "--tls-cert", "c", "--tls-key", "k"), "cannot read t"),
    ],
)
def test_worker_rejects_unusable_options(run, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in run("worker", *arguments).error


def test_worker_rejects_an_address_in_use(run):
    with socket.create_server(("localhost", 0)) as other:
        address = f"localhost:{other.getsockname()[1]}"
        assert f"cannot listen on {address}" in run("worker", "--listen", address).error


def test_generates_what_workers_need(run, tmp_path):
    code, out, _ = run("keys", "worker", "localhost", "10.0.0.2", "--out", tmp_path / "made")
    files = sorted((tmp_path / "made").iterdir())
    assert code == 0 and [path.name for path in files] == ["worker.crt", "worker.key", "worker.token"]
    assert all(str(path) in out for path in files) and files[2].read_text().strip() not in out
    assert "never overwritten" in run("keys", "worker", "localhost", "--out", tmp_path / "made").error
