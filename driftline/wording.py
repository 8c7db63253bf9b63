"""What is said to people: how many of what, and errors in our own words."""

__all__ = ["amount", "own_words"]


def amount(number: float, one: str, many: str = "", form: str = "") -> str:
    """Return "1 row" or "3 rows": `many` where it is no regular plural, `form` how the number is written (",": 3,000)."""
    return f"{number:{form}} {one if number == 1 else many or _plural(one)}"


def own_words(message: str) -> str:
    """What a validator of ours said, without what pydantic puts before it."""
    return message.removeprefix("Value error, ")


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
