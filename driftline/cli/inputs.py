"""What commands read alike: lists of names and files of text."""

import sys
from pathlib import Path

from driftline.errors import ConfigurationError


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def text_of(file: Path) -> str:
    """A file of UTF-8 text; "-" is what stands on standard input. Raises ConfigurationError."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no text in UTF-8: {error.reason} at byte {error.start}") from error
