"""Presets on a hub of models: `hf://user/name`, as Keras and keras-hub name them.

A preset is a folder with a network's description, its weights and where they are from. Nothing else is fetched, and
nothing that is fetched is run: `srzoo.load` looks through the files before it builds what they describe.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path
from types import ModuleType
from typing import Any

LOGGER = logging.getLogger(__name__)

SCHEME = "hf://"

WEIGHTS = "model.weights.h5"
PRESET = ("config.json", "metadata.json", WEIGHTS)
"""Files of a preset."""

CARD = "README.md"


def is_preset(folder: Path) -> bool:
    """Whether a folder holds all files of a preset."""
    return all((folder / name).is_file() for name in PRESET)


def fetch(uri: str) -> Path:
    """Fetches a preset into the cache of huggingface_hub, unless it is there.

    Args:
        uri: `hf://user/name`, or `hf://user/name@revision` with a branch, a tag or a commit. A commit that is in the
            cache is not asked for again; of a branch or a tag the newest is fetched, or else the cached one is taken.

    Returns:
        The folder.

    Raises:
        ValueError: if the name is none, or huggingface_hub is not installed.
        FileNotFoundError: if the hub has no such model or revision, or it holds no preset.
        ConnectionError: if the hub cannot be reached, and the preset is not in the cache.
    """
    name, revision = _parts(uri)
    from tqdm import tqdm  # not for names that ask no hub

    class Silent(tqdm):
        """No bars: huggingface_hub draws two a call, also for what is in the cache."""

        def __init__(self, *args, **options):
            super().__init__(*args, **{**options, "disable": True})

    options: dict[str, Any] = {"revision": revision, "allow_patterns": list(PRESET), "tqdm_class": Silent}
    with _told(uri) as hub:
        folder = Path(hub.snapshot_download(name, **options))
    LOGGER.info("%s: commit %s", uri, folder.name[:12])
    if not is_preset(folder):
        raise FileNotFoundError(f"{uri} holds no preset, which is {', '.join(PRESET)}; give a model of Keras")
    return folder


def upload_preset(uri: str, preset: str | os.PathLike, private: bool = False) -> str:
    """Uploads a preset and its card in one commit, as the user that `hf auth login` or HF_TOKEN names.

    Args:
        uri: `hf://user/name`; made if it is not there.
        preset: a folder that `srzoo.save_preset` wrote.
        private: whether a model that is made is for its owner alone.

    Returns:
        The address of the commit.

    Raises:
        FileNotFoundError: if the folder holds no preset.
        ValueError: if the name is none, the card is not as the hub takes it, or huggingface_hub is not installed.
        PermissionError: if the hub does not know the user, or the user may not write there.
        ConnectionError: if the hub cannot be reached.
    """
    folder, name = Path(preset), check_target(uri)
    if not is_preset(folder):
        raise FileNotFoundError(f"{folder} holds no preset, which is {', '.join(PRESET)}; see srzoo.save_preset")
    files = [folder / each for each in (*PRESET, CARD) if (folder / each).is_file()]
    with _told(uri) as hub:
        api = hub.HfApi()
        api.create_repo(name, exist_ok=True, private=private)
        added = [hub.CommitOperationAdd(path.name, path) for path in files]
        return str(api.create_commit(name, added, commit_message="A preset of srzoo").commit_url)


def check_target(uri: str) -> str:
    """The name in the address that something is to be uploaded to; raises ValueError if it is none."""
    name, revision = _parts(uri)
    if revision:
        raise ValueError(f"{uri} names a revision, but an upload makes a new one; leave out @{revision}")
    return name


def _parts(uri: str) -> tuple[str, str | None]:
    name, _, revision = uri.removeprefix(SCHEME).partition("@")
    if not uri.startswith(SCHEME) or name.count("/") != 1 or not all(name.split("/")) or uri.endswith("@"):
        raise ValueError(f"{uri!r} is no model of a hub; expected hf://user/name or hf://user/name@revision")
    return name, revision or None


@contextmanager
def _told(uri: str) -> Iterator[ModuleType]:
    """Yields huggingface_hub; what it raises, often over many lines, becomes one line that says what to do."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError as error:
        raise ValueError(
            f"{uri} needs huggingface_hub, which is not installed; run `pip install huggingface_hub`"
        ) from error
    try:
        yield huggingface_hub
    except errors.HFValidationError as error:
        raise ValueError(f"{uri!r} is no model of a hub: {str(error).splitlines()[0]}") from error
    except (errors.HTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, JSONDecodeError) as error:
        raise _plain(uri, error) from error


def _plain(uri: str, error: Exception) -> OSError:
    from huggingface_hub import constants, errors

    cached = ", and it is not in the cache" if isinstance(error, errors.LocalEntryNotFoundError) else ""
    cause = (error.__cause__ or error) if cached else error
    status = cause.response.status_code if isinstance(cause, errors.HfHubHTTPError) else None
    if isinstance(cause, errors.RevisionNotFoundError):
        return FileNotFoundError(f"{uri}: {constants.ENDPOINT} has no such revision of it; leave it out for the newest")
    if status == 404 or isinstance(cause, errors.RepositoryNotFoundError):
        return FileNotFoundError(
            f"{uri}: {constants.ENDPOINT} has no such model, or not for you; check the name, or run `hf auth login`"
        )
    if status in (401, 403):
        return PermissionError(
            f"{uri}: {constants.ENDPOINT} does not let you write there; run `hf auth login` as one who may"
        )
    reason = f"answers with an error ({status})" if status else "cannot be reached"
    if isinstance(cause, JSONDecodeError):
        reason = "answers with something else than a hub does, as a network's login page"
    return ConnectionError(f"{uri}: {constants.ENDPOINT} {reason}{cached}; try again later, or give a preset's folder")
