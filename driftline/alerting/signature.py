"""Signatures of outgoing webhooks by Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"


def parse_secret(text: str) -> bytes:
    """The key of a secret `whsec_<base64 of 24 to 64 bytes>`. Raises ValueError, never quoting the secret."""
    if not text.startswith(PREFIX):
        message = f"a webhook secret begins with {PREFIX}"
        raise ValueError(message)
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        message = f"what follows {PREFIX} in a webhook secret must be base64"
        raise ValueError(message) from error
    if not 24 <= len(key) <= 64:
        message = f"a webhook secret holds 24 to 64 bytes, not {len(key)}"
        raise ValueError(message)
    return key


def sign(keys: Sequence[bytes], *, message_id: str, timestamp_seconds: int, body: bytes) -> Mapping[str, str]:
    """The headers. With several keys (rotation) the receiver may verify by any of them; without any there is no signature."""
    signed = f"{message_id}.{timestamp_seconds}.".encode() + body
    signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    text = " ".join(f"v1,{signature}" for signature in signatures)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_seconds)}
    return {**headers, "webhook-signature": text} if text else headers
