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
from tests.support.thumbprint.program import PROGRAM


def test_a_job_becomes_a_run(run, job_file, tiny_corpus, tmp_path):
    folder = tmp_path / "run"
    code, out, err = run("train", job_file, "--corpus", tiny_corpus, "--run", folder)
    assert code == 0
    for name in ("best.safetensors", "last.safetensors", "tokenizer.model", "rounds.csv", "summary.json"):
        assert (folder / name).is_file()
    assert "SYNTHETIC" in out
    assert re.search(r"rounds +│ 2", out)
    assert re.search(r"recall@3 on validation users +│ \d+\.\d %", out)
    assert [line.split(":")[0] for line in err.splitlines()] == ["round 1 of 2", "round 2 of 2"]
    assert all(said in err for said in ("loss", "recall@3", "tokens/s", "left"))

    assert "--resume" in run("train", job_file, "--corpus", tiny_corpus, "--run", folder).error
    before = (folder / "best.safetensors").read_bytes()
    code, out, _ = run("train", job_file, "--corpus", tiny_corpus, "--run", folder, "--resume")
    assert code == 0
    assert (folder / "best.safetensors").read_bytes() == before


def test_the_job_names_corpus_and_run(run, job_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "j.toml").write_text('name = "mine"\ncorpus = "none.sqlite"\n')
    assert "none.sqlite" in run("train", "j.toml").error
    assert not (tmp_path / "runs" / "mine" / "job.json").exists()


@pytest.mark.parametrize(
    ("job", "arguments", "said"),
    [
        ("", (), "--corpus"),
        ("nosuch = 1", (), "nosuch"),
        ("[training]\nrounds = -1", (), "training.rounds"),
        ("[", (), "TOML"),
        ("", ("--corpus", "c", "--workers", "here"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:0"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:1,"), "HOST:PORT"),
        ("", ("--corpus", "c", "--workers", "here:1,here:1"), "twice"),
        ("", ("--corpus", "c"), "corpus import"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_written(run, tmp_path, monkeypatch, job, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "j.toml").write_text(job)
    assert said in run("train", "j.toml", *arguments).error
    assert not list(tmp_path.glob("runs/*/job.json"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_says_how_to_go_on_and_leaves_no_worker(job_file, tiny_corpus, tmp_path, number, code):
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
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in err
    (again,) = (line.partition("with: ")[2] for line in err.splitlines() if line.startswith("stopped"))
    assert shlex.split(again) == [
        *("thumbprint", "train", str(job), "--run", str(folder), "--resume", "--corpus", str(tiny_corpus)),
    ]
    assert not any(worker.is_running() for worker in workers)
    assert list((folder / "state").iterdir())
    assert json.loads((folder / "job.json").read_text())["name"] == "tiny"


ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}


def start(port):
    return subprocess.Popen(
        [*PROGRAM, "worker", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def binaries(ports):
    """The running worker processes that listen on one of `ports`."""
    options = {f"--port={port}" for port in ports}
    found = (process.info for process in psutil.process_iter(["pid", "cmdline", "status"]))
    return [
        info["pid"] for info in found if options & set(info["cmdline"] or ()) and info["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def workers():
    ports = [portpicker.pick_unused_port() for _ in range(2)]
    started = {port: start(port) for port in ports}
    try:
        for port, process in started.items():
            assert process.stdout.readline() == f"worker listens on port {port}; Ctrl-C stops it\n"
        yield started
    finally:
        for process in started.values():
            process.terminate()
            process.communicate(timeout=30)
        assert binaries(ports) == []


def test_two_workers_train_what_one_machine_trains(run, workers, tiny_run, job_file, tiny_corpus, tmp_path):
    folder = tmp_path / "run"
    addresses = ",".join(f"localhost:{port}" for port in workers)
    code, _, err = run("train", job_file, "--corpus", tiny_corpus, "--run", folder, "--workers", addresses)
    assert (code, err.count("round ")) == (0, 2)
    assert len(binaries(workers)) == 2  # the training started none of its own and ended none
    alone, together = (Run(path).parameters("last") for path in (tiny_run, folder))
    for name, expected in alone._asdict().items():
        np.testing.assert_allclose(getattr(together, name), expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("number", ENDINGS)
def test_the_worker_ends_with_the_command(number):
    port = portpicker.pick_unused_port()
    process = start(port)
    process.stdout.readline()
    children = [psutil.Process(pid) for pid in binaries([port])]
    assert children
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == ENDINGS[number]
    assert "Traceback" not in err
    psutil.wait_procs(children, timeout=5)
    assert binaries([port]) == []


def test_a_worker_that_dies_is_noticed():
    port = portpicker.pick_unused_port()
    process = start(port)
    process.stdout.readline()
    (pid,) = binaries([port])
    psutil.Process(pid).kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err == f"error: the worker on port {port} was killed by signal 9 (out of memory?): start it again\n"


def test_a_port_in_use(run):
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in run("worker", "--port", port).error
