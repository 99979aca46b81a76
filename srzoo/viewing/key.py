"""Key of a study: its questions, and the model of each picture. Raters do not get this file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

HR = "HR"
"""Name of the original picture beside the models."""

ANSWERS_FORMAT = "srzoo mos answers 1"
KEY_FORMAT = "srzoo mos key 1"

KEY = "key.json"
"""Name of the key in a study's folder."""

SECONDS = 5.0
"""Seconds that a rater needs for a picture, roughly."""


@dataclass(frozen=True)
class Stimulus:
    """A version of a picture: the picture's name, and the model's, or `HR`."""

    picture: str
    model: str


@dataclass(frozen=True)
class Key:
    """A study.

    Attributes:
        study: its identifier.
        models: names of what is compared, HR first if it is there.
        scale: scale of the upscaling.
        repeats: versions that each rater is shown twice.
        stimuli: identifier in the page and in answers -> what it shows.
    """

    study: str
    models: tuple[str, ...]
    scale: int
    repeats: int
    stimuli: dict[str, Stimulus]

    @property
    def pictures(self) -> list[str]:
        """Names, in the order of the folder."""
        return list(dict.fromkeys(stimulus.picture for stimulus in self.stimuli.values()))

    @property
    def minutes(self) -> float:
        """Minutes that a rater needs, roughly."""
        return (len(self.stimuli) + self.repeats) * SECONDS / 60


def key_to_json(key: Key) -> str:
    return json.dumps({"format": KEY_FORMAT, **asdict(key)}, indent=1) + "\n"


def read_key(folder: Path) -> Key:
    """Reads the key of a study's folder.

    Raises:
        FileNotFoundError: if there is no such folder or no key in it.
        ValueError: if the key is damaged.
    """
    path = folder / KEY
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give the folder that `srzoo mos create` wrote")
    try:
        data = json.loads(path.read_text("utf-8"))
        if data.pop("format") != KEY_FORMAT:
            raise ValueError("another format")
        stimuli = {name: Stimulus(**stimulus) for name, stimulus in data.pop("stimuli").items()}
        key = Key(**{**data, "models": tuple(data["models"])}, stimuli=stimuli)
        asked = {(stimulus.picture, stimulus.model) for stimulus in stimuli.values()}
        complete = len(asked) == len(stimuli) == len(key.pictures) * len(key.models) > 0
        if not complete or {model for _, model in asked} != set(key.models):
            raise ValueError("versions are missing")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not the key of a study, or damaged ({error})") from error
    return key
