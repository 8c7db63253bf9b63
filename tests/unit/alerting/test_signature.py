import base64

import pytest

from driftline.alerting.signature import parse_secret, sign

# Example of the Standard Webhooks specification (its reference libraries carry the same vector).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_signature_of_the_specification() -> None:
    headers = sign([parse_secret(SECRET)], message_id=MESSAGE_ID, timestamp_seconds=1614265330, body=BODY)
    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_every_key_signs_during_a_rotation() -> None:
    headers = sign([parse_secret(SECRET), b"k" * 32], message_id=MESSAGE_ID, timestamp_seconds=1614265330, body=BODY)
    first, second = headers["webhook-signature"].split()
    assert first == SIGNATURE
    assert second != SIGNATURE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_%%%",
        "whsec_" + base64.b64encode(b"short").decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_bad_secret_is_refused_without_being_quoted(text) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        parse_secret(text)
    assert len(text) <= 6 or text.removeprefix("whsec_") not in str(refused.value)
