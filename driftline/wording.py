"""How many of what, in words."""

__all__ = ["amount"]


def amount(number: float, one: str, many: str = "", form: str = "") -> str:
    """Return "1 row" or "3 rows": `many` where it is no regular plural, `form` how the number is written (",": 3,000)."""
    return f"{number:{form}} {one if number == 1 else many or _plural(one)}"


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
