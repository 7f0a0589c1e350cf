"""Where things are kept on this machine; how files are written whole, hashed and locked."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path

_TICK_NS = 100_000_000
_SQLITE_FULL = 13
_ROOM_BYTES = 2**16
"""Twice what the index of a log of SQLite's takes; with less an error of a disk is one of its room."""


def cache_dir() -> Path:
    """Return the cache's root: ``SPIDER_OPT_CACHE``, else the user's cache folder for ``spider-opt``.

    The folder may not exist yet. What is in it can be deleted and is made again when
    needed, but for ``adapters``, which were trained here.
    """
    named = os.environ.get("SPIDER_OPT_CACHE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("spider-opt"))


def try_writing(folder: Path, name: str = "spider-opt") -> None:
    """Put an empty file into a folder, under a name that begins with a dot and this one, and take it away again.

    Raises:
        OSError: it cannot be put there.
    """
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(dir=folder, prefix=f".{name}."):
        pass


def write_whole(path: Path, text: str) -> None:
    """Replace a file's text at once: whoever reads it sees the old one or the new one."""
    write_bytes_whole(path, encoded(text))


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Replace what a file holds at once, as ``write_whole``."""
    write_all_whole({path: data})


def write_all_whole(files: Mapping[Path, str | bytes]) -> None:
    """Replace files that belong together: where one of them cannot be written, all stay as they are.

    Only being killed between two renamings can leave some new beside some old.
    """
    parts: dict[Path, Path] = {}
    path = next(iter(files))
    try:
        for path, data in files.items():
            if path.is_dir():  # which a renaming would find out behind others
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            parts[path] = path.with_name(f".{path.name}.part")
            with parts[path].open("wb") as file:
                file.write(data if isinstance(data, bytes) else encoded(data))
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except BaseException as error:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        _name(error, path)
        raise


def append_whole(path: Path, text: str) -> None:
    """Add text to the end of a file, all of it or, where the disk is full, nothing.

    Only being killed can leave a part of it.
    """
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        left = memoryview(encoded(text))
        try:
            while left:
                left = left[file.write(left) :]
        except BaseException as error:
            file.truncate(end)
            _name(error, path)
            raise


def _name(error: BaseException, path: Path) -> None:
    """Have an error say which file it is of: of a full disk it says nothing but that."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(path)


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep others out that lock the same folder; the system frees the lock when a process dies.

    The folder itself is locked, so that no file of ours lies in it, and others are kept out whatever their cache is.
    Only where folders cannot be locked (Windows, some network drives) a file ``.lock`` stands in it meanwhile.

    Raises:
        BlockingIOError: another process or thread is in; with ``wait`` the lock is waited for.
        OSError: there is no such folder, or it cannot be locked.
    """
    from filelock import SoftFileLock, Timeout

    busy = BlockingIOError(errno.EAGAIN, "in use", str(folder))
    with ExitStack() as stack:
        try:
            handle = _locked_itself(folder, wait)
            if handle is None:
                stack.enter_context(SoftFileLock(folder / ".lock", timeout=-1 if wait else 0))
            else:
                stack.callback(os.close, handle)
        except (BlockingIOError, Timeout):
            raise busy from None
        yield


def _locked_itself(folder: Path, wait: bool) -> int | None:
    """Return the handle that holds a folder's lock, None where folders cannot be locked."""
    from filelock import lock_descriptor

    while True:
        try:
            handle = os.open(folder, os.O_RDONLY)
        except PermissionError:  # Windows opens no folder
            return None
        with ExitStack() as stack:
            stack.callback(os.close, handle)
            try:
                free = lock_descriptor(handle, blocking=wait)
            except OSError:
                return None
            if not free:
                raise BlockingIOError
            if os.path.samestat(os.fstat(handle), os.stat(folder)):  # else it was deleted, and made anew
                stack.pop_all()
                return handle


def file_hash(path: str | Path, *, again: bool = False) -> str:
    """Return the SHA-256 of a file's bytes in hex.

    They are read once per process while size and time of change stay, unless ``again`` is set.

    Raises:
        OSError: the file cannot be read.
    """
    stat = os.stat(path)
    # A file that is being written can change twice within one tick of the file system's clock.
    if again or time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < _TICK_NS:
        return _hash(path)
    return _hash_once(str(path), (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


def _hash(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _hash_once(path: str, stamp: tuple[int, ...]) -> str:
    return _hash(path)


def stamp(path: Path) -> str:
    """Return a file's size and time of change: enough to know again one that was found right.

    Raises:
        OSError: there is none.
    """
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def is_full(path: Path, error: Exception) -> bool:
    """Tell whether a disk without room is behind an error, of which SQLite may say only that it could not write."""
    if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    with suppress(OSError):
        return code == _SQLITE_FULL or (code is not None and shutil.disk_usage(path.parent).free < _ROOM_BYTES)
    return False


def encoded(text: str) -> bytes:
    r"""Return text as UTF-8; half a surrogate pair, which UTF-8 lacks, as the escape that JSON reads back.

    >>> encoded('"\ud83d"')
    b'"\\ud83d"'
    """
    return text.encode("utf-8", "backslashreplace")
