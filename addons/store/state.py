"""What is decided at run time and must outlive the process: keys, channels, active profiles, the admin token.

A plain small TinyDB, `state.json`, and beside it `credentials.json` with the channels' secrets, which the documents
only refer to. Each is written whole to a new file and renamed, under one lock, so that the command line and the gateway
may both save; each `load` looks at the file's identity first, and reads it again only when someone has saved since.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from tinydb import TinyDB, where
from tinydb.storages import Storage

from axonhub.addons.store.backend import Json
from axonhub.addons.store.journal import sync_folder

TABLE = "state"
_SECRETS = "credentials"


class WholeFile(Storage):
    """TinyDB storage that replaces its file in one step: a reader sees the old or the new, never a part."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, dict[str, Any]] | None:
        try:
            whole: dict[str, dict[str, Any]] = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        return whole

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, self._path)
        sync_folder(self._path.parent)


class RuntimeState:
    """Key → JSON value. Blocks for a few milliseconds on `save`; `load` is one `stat` while nobody saves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "state.json"
        self._secrets_path = folder / "credentials.json"
        self._seen: tuple[int, int] | None = None
        self._values: dict[str, Json] = {}

    def load(self) -> Mapping[str, Json]:
        """All values as they are now. The mapping is replaced, never changed. Raises ValueError, OSError."""
        seen = self._identity()
        if seen != self._seen:
            table = WholeFile(self._path).read() or {}
            self._values = {str(each["key"]): each["value"] for each in table.get(TABLE, {}).values()}
            self._seen = seen
        return self._values

    def save(self, key: str, value: Json) -> None:
        """Durable when it returns; None removes the key. Raises ValueError when the file is not ours, OSError."""
        with self._locked():
            table = TinyDB(self._path, storage=WholeFile).table(TABLE)
            if value is None:
                table.remove(where("key") == key)
            else:
                table.upsert({"key": key, "value": value}, where("key") == key)

    def secrets(self) -> Mapping[str, str]:
        """By the name that the state's documents have for each. Raises ValueError, OSError."""
        return (WholeFile(self._secrets_path).read() or {}).get(_SECRETS, {})

    def update[T](self, edit: Callable[[dict[str, Json], MutableMapping[str, str]], T]) -> T:
        """Lets `edit` change values and secrets as they are now, and saves them; durable when it returns.

        Nothing is saved when `edit` raises. A secret whose name no value holds any more is forgotten at once.
        """
        with self._locked():
            values, secrets = deepcopy(dict(self.load())), dict(self.secrets())
            before, known = deepcopy(values), dict(secrets)
            result = edit(values, secrets)
            if secrets != known:
                self._write_secrets(secrets)
            if values != before:
                rows = enumerate(((key, value) for key, value in values.items() if value is not None), 1)
                table = {str(number): {"key": key, "value": value} for number, (key, value) in rows}
                WholeFile(self._path).write({TABLE: table})
            self._forget(secrets, values)
            return result

    def _forget(self, secrets: Mapping[str, str], values: Mapping[str, Json]) -> None:
        text = json.dumps(values)
        used = {name: secret for name, secret in secrets.items() if name in text}
        if used != secrets:
            self._write_secrets(used)

    def _write_secrets(self, secrets: Mapping[str, str]) -> None:
        WholeFile(self._secrets_path).write({_SECRETS: dict(secrets)})

    def _identity(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return (0, 0)
        return found.st_ino, found.st_mtime_ns

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._folder / "state.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
