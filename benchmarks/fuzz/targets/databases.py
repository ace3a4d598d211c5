"""SQLite files that a disk or another program damaged: a phone's history, a corpus, the service's table of devices."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.app import create_app
from api.storage.data_folder import DATABASE, ServeError
from api.storage.schema import open_database
from benchmarks.fuzz.mutators import safetensors_files, sqlite_files
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.fuzz.targets.bundles import use_phone
from benchmarks.fuzz.targets.served import serve_in_thread
from benchmarks.material.material import Material
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus

_HISTORY, _WAL = "history.sqlite", "history.sqlite-wal"
_CORPUS = "corpus.sqlite"


@dataclass
class PhoneHistories:
    """A phone whose files are damaged opens and works, or says in a PhoneError what is wrong."""

    material: Material
    folder: Path
    name: str = "phone-histories"

    def __post_init__(self) -> None:
        self._engine = Engine(load_bundle(self.material.bundle, self.material.public_key))
        shutil.rmtree(self.folder, ignore_errors=True)
        with Phone.open(self.folder, self._engine) as phone:
            for at in range(80):
                phone.observe_many([f"see you at home number {at}", "Meet Zorblatt at the station"])
            phone.adapt()
            phone.block(["station"])
            phone.forget_word("zorblatt")
            phone.observe("the last message")
            self._in_use = self._files()  # with a WAL that is not yet in the database
        self._closed = self._files()

    def _files(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in sorted(self.folder.iterdir()) if not path.name.endswith("-shm")
        }

    def make(self, chance: random.Random) -> Input:
        files = dict(chance.choice((self._closed, self._closed, self._in_use)))
        match chance.randrange(8):
            case 0 if _WAL in files:
                files[_WAL] = sqlite_files.damage_pages(chance, files[_WAL])
            case 1:
                adapter = chance.choice([name for name in files if name.endswith(".safetensors")] or [_HISTORY])
                files[adapter] = (
                    safetensors_files.mutate(chance, files[adapter]) if adapter != _HISTORY else files[_HISTORY][:100]
                )
            case _:
                files.pop(_WAL, None)
                files[_HISTORY] = sqlite_files.mutate(chance, files[_HISTORY])
        return files

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        phone = folder / "phone"
        phone.mkdir()
        for name, data in given.items():
            (phone / name).write_bytes(data)
        return use_phone(phone, self._engine)


@dataclass
class CorpusFiles:
    """A damaged corpus is refused with a CorpusError when it is opened or read."""

    material: Material
    name: str = "corpus-files"

    def make(self, chance: random.Random) -> Input:
        return {_CORPUS: sqlite_files.mutate(chance, self.material.corpus.read_bytes())}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        path = folder / _CORPUS
        path.write_bytes(given[_CORPUS])
        try:
            with Corpus.open(path) as corpus:
                _ = corpus.num_messages, corpus.corpus_id, corpus.synthetic
                for user in corpus.user_ids():
                    corpus.profile(user)
                    corpus.messages(user)
        except CorpusError:
            return False
        return True


@dataclass
class ServiceDatabases:
    """The service refuses to start on a damaged database, or answers every request without an internal error."""

    material: Material
    folder: Path
    name: str = "service-databases"

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        open_database(self.folder / DATABASE, to_serve=True).close()
        self._seed = (self.folder / DATABASE).read_bytes()

    def make(self, chance: random.Random) -> Input:
        return {DATABASE: sqlite_files.mutate(chance, self._seed)}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        data = folder / "data"
        data.mkdir()
        (data / DATABASE).write_bytes(given[DATABASE])
        try:
            app = create_app(self.material.bundle, self.material.public_key, data, insecure=True)
        except ServeError:
            return False
        port, stop = serve_in_thread(app)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            answers = [
                client.get("/readyz"),
                client.get("/v1/devices"),
                client.post("/v1/devices", json={"device_id": "new"}),
                client.post("/v1/devices/new/messages", json={"messages": [{"text": "see you"}]}),
                client.get("/v1/devices/new/adaptations/1"),
                client.delete("/v1/devices/new"),
            ]
        stop()
        if any(answer.status_code == 500 for answer in answers):
            raise ViolationError("an internal error of the service")
        return all(answer.status_code < 500 for answer in answers)
