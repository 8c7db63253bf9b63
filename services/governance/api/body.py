"""The body of a request that is a document people write."""

from fastapi import Request

from driftline.governance.document import MAX_CHARACTERS
from driftline.governance.errors import DefinitionRefused, Problem

_BYTES_PER_CHARACTER = 4


async def text_of(request: Request) -> str:
    """YAML or JSON as text; raises DefinitionRefused where it is too long or no text."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_CHARACTERS * _BYTES_PER_CHARACTER:
            raise DefinitionRefused([Problem("", f"the document is longer than {MAX_CHARACTERS} characters")])
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionRefused([Problem("", f"the document is not UTF-8: byte {error.start}")]) from error
