"""How many of what, in words."""

__all__ = ["counted"]


def counted(number: int, one: str, many: str = "", form: str = "") -> str:
    """Return "1 row" or "3 rows": `many` is by default `one` with an s, `form` how the number is written (",": 3,000)."""
    return f"{number:{form}} {one if number == 1 else many or one + 's'}"
