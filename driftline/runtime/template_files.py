"""Files of macros beside a configuration."""

from collections.abc import Mapping
from glob import glob, has_magic
from pathlib import Path

from driftline.alerting.config_texts import ReadTemplates

_LONGEST = 100_000
_MOST = 100


def templates_beside(configuration: Path) -> ReadTemplates:
    """What reads the files of a name or a glob, relative to the folder of the configuration."""

    def read(pattern: str) -> Mapping[str, str]:
        found = sorted(glob(pattern, root_dir=configuration.parent, recursive=True))  # noqa: PTH207 - absolute ones too
        if not found and not has_magic(pattern):
            raise ValueError(f"there is no file {pattern} in {configuration.parent}")
        if len(found) > _MOST:
            raise ValueError(f"are {len(found)} files; {_MOST} are the most")
        return {Path(name).name: _text(configuration.parent / name) for name in found}

    return read


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8'}") from error
    if len(text) > _LONGEST:
        raise ValueError(f"{file} is longer than {_LONGEST} characters")
    return text
