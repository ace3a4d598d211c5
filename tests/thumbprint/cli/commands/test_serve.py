import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.support.thumbprint.program import PROGRAM

# Says at the end what of this was imported while the service ran.
WATCHED = (
    "import atexit, sys; from thumbprint.cli.main import main; "
    "atexit.register(lambda: print('imported', set(sys.modules) & "
    "{'tensorflow', 'tensorflow_federated', 'jax', 'matplotlib'})); sys.exit(main())"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_serves_until_told_to_end_and_imports_nothing_heavy(tiny_bundle, trusted, tmp_path, number, code):
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", WATCHED, "serve", str(tiny_bundle)),
            *("--port", "0", "--data", str(tmp_path / "devices")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        request = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert request.open(f"{address}/healthz", timeout=10).status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert out.splitlines()[-1] == "imported set()"


def test_an_insecure_service_is_for_this_machine_only(run, tiny_bundle, trusted, tmp_path):
    said = run("serve", tiny_bundle, "--insecure", "--host", "0.0.0.0", "--data", tmp_path / "devices").mistake
    assert "other machines can reach" in said


def test_without_a_key_nothing_is_served(run, tiny_bundle):
    assert "--public-key" in run("serve", tiny_bundle).mistake


def test_a_bundle_of_anothers_is_not_served(tiny_bundle, tmp_path, run):
    run("keys", "generate")
    done = subprocess.run(
        [*PROGRAM, "serve", str(tiny_bundle), "--port", "0", "--data", str(tmp_path / "devices")],
        capture_output=True,
        text=True,
        timeout=30,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "signed with another key" in line


def test_a_block_list_that_cannot_be_used_is_an_error_before_anything_is_served(run, tiny_bundle, trusted, tmp_path):
    (tmp_path / "list").write_text("damn\ntwo words\n", "utf-8")
    said = run("serve", tiny_bundle, "--data", tmp_path / "devices", "--block-list", tmp_path / "list").mistake
    assert "line 2: 'two words' is not one word" in said
