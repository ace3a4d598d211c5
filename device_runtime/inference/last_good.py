"""Opens an app's newest bundle, or the one before it if the newest cannot be used: damaged, or deadly to the process.

The first use of a model is a trial (see `model_trial`). Before it, the phone writes down which model it tries. If the
process dies, the next start finds the note and goes back to the last good bundle, of which it has a copy. A model that
passed once is not tried again, so a usual start only compares its bundle with the copy.

    trials.json        which model is good, which one is being tried, and how often a model ended the process
    good-<id>.bundle   a copy of the last good bundle
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from device_runtime.bundle import files
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle, file_entries, load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.inference.model_trial import run_signatures
from keyboard_model.storage.durable_files import atomic_write_private

DEATHS_WITHOUT_CHOICE = 3
"""Without an earlier bundle, a model is refused after this many deaths in its trial. One can have another cause."""
_REMEMBERED = 20


@dataclass(frozen=True)
class OpenedBundle:
    """The bundle to use.

    Attributes:
        engine: Runs it.
        note: Why it is not the newest one, in one sentence; None = it is the newest one.
    """

    engine: Engine
    note: str | None


@dataclass(frozen=True)
class _Trials:
    good: str | None = None
    trying: str | None = None
    deaths: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> _Trials:
        """Reads the notes. Damaged notes count as none: the next trial writes them again."""
        try:
            found = cls(**json.loads(path.read_bytes()))
            valid = all(isinstance(each, str | None) for each in (found.good, found.trying)) and all(
                isinstance(number, int) for number in found.deaths.values()
            )
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls()
        return found if valid else cls()

    def after_death(self) -> _Trials:
        """Returns the notes after a process died in the trial that they name."""
        if self.trying is None:
            return self
        deaths = {**self.deaths, self.trying: self.deaths.get(self.trying, 0) + 1}
        return replace(self, trying=None, deaths=dict(list(deaths.items())[-_REMEMBERED:]))


def open_last_good(
    folder: Path | str,
    newest: Bundle | Path | str,
    public_key: Path | str,
    *,
    try_first: Callable[[Bundle], None] = lambda bundle: None,
    num_threads: int = 1,
) -> OpenedBundle:
    """Opens the newest bundle if it can be used, otherwise the last good one.

    Args:
        folder: The app's own folder for the notes and the copy; it is made if it is missing. One process at a time.
        newest: The bundle that the app got last: a folder or a zip file, or the bundle that `load_bundle` returned.
        public_key: The PEM file of the public key of its signer.
        try_first: Called with a bundle of a new model before this process runs it, such as
            `model_trial.try_in_child`. It raises BundleError if the bundle must not be used.
        num_threads: Threads of one call of the model.

    Raises:
        BundleError: the newest bundle cannot be used, and there is no earlier one.
        KeyFileError: `public_key` is not a public key.
        OSError: the folder cannot be used.

    To try a model again that ended the process, delete `trials.json`.
    """
    keeper = _Keeper(Path(folder), public_key, num_threads)
    try:
        return OpenedBundle(keeper.open(newest, try_first), None)
    except BundleError as error:
        return keeper.go_back(error)


class _Keeper:
    """Keeps the notes and the copy. A crash at any point leaves the old good bundle with its copy, or the new one."""

    def __init__(self, folder: Path, public_key: Path | str, num_threads: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._notes = folder, folder / "trials.json"
        self._public_key, self._num_threads = public_key, num_threads
        self._trials = _Trials.read(self._notes).after_death()

    def open(self, newest: Bundle | Path | str, try_first: Callable[[Bundle], None]) -> Engine:
        bundle = newest if isinstance(newest, Bundle) else load_bundle(newest, self._public_key)
        model_id = bundle.manifest.model_id
        if model_id == self._trials.good:
            engine = Engine(bundle, self._num_threads)
        else:
            self._refuse_deadly(bundle)
            try_first(bundle)
            self._write(replace(self._trials, trying=model_id))
            try:
                engine = Engine(bundle, self._num_threads)
                run_signatures(engine)
            finally:  # the process lives
                self._write(replace(self._trials, trying=None))
        self._keep(bundle)
        return engine

    def go_back(self, error: BundleError) -> OpenedBundle:
        if not self._has_good():
            raise error
        try:
            engine = Engine(load_bundle(self._copy(), self._public_key), self._num_threads)
        except BundleError:
            raise error from None
        name, model_id = engine.bundle.manifest.name, engine.bundle.manifest.model_id
        return OpenedBundle(engine, f"{error}; the last good bundle is used instead: {name}, model {model_id[:12]}")

    def _copy(self) -> Path:
        return self._folder / f"good-{(self._trials.good or '')[:32]}.bundle"

    def _has_good(self) -> bool:
        return self._trials.good is not None and self._copy().exists()

    def _refuse_deadly(self, bundle: Bundle) -> None:
        deaths = self._trials.deaths.get(bundle.manifest.model_id, 0)
        if deaths >= (1 if self._has_good() else DEATHS_WITHOUT_CHOICE):
            raise BundleError(
                f"{bundle.path} cannot be used: the process died when it tried this model; export it again, or delete "
                f"{self._notes} to try it again"
            )

    def _keep(self, bundle: Bundle) -> None:
        content = files.read_files(bundle.path)
        if file_entries(content) != bundle.manifest.files:
            raise BundleError(f"{bundle.path} changed while it was read: open it again")
        before, kept = self._copy(), replace(self._trials, good=bundle.manifest.model_id)
        packed = files.packed(content, compressed=False)
        copy = self._folder / f"good-{bundle.manifest.model_id[:32]}.bundle"
        if not copy.exists() or copy.read_bytes() != packed:
            atomic_write_private(copy, packed)
        self._write(kept)
        if before != copy:
            before.unlink(missing_ok=True)

    def _write(self, trials: _Trials) -> None:
        if trials != _Trials.read(self._notes):
            atomic_write_private(self._notes, json.dumps(asdict(trials)).encode())
        self._trials = trials
