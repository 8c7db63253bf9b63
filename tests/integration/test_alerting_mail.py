"""E-mail into a real SMTP server: encryption, names, threads, and whom a relay refuses."""

import asyncio
import email
import email.policy
import socket
import threading
import time

import pytest

from driftline.alerting.addresses import parse_allow_list
from driftline.alerting.channels.email import Envelope
from driftline.alerting.decisions import NotifyReason
from driftline.alerting.delivery import Delivered, Refused, TryAgain
from driftline.clock import SystemClock
from services.alerting.adapters.channels.email import EmailChannel, Encryption, Relay
from services.alerting.adapters.channels.json_post import Reach
from services.alerting.adapters.channels.port import Outgoing
from tests.integration.alerting_sinks import MailSink, certificate
from tests.unit.alerting.builders import DAY, alert
from tests.unit.alerting.channels.notices import EXAMPLE, HARM, body

pytestmark = pytest.mark.integration
ENVELOPE = Envelope(sender="MLOps <mlops@example.com>", recipients=("ml-team@example.com", "Data <data@example.com>"))
FIRED = Outgoing(*body())
ENDED = Outgoing(*body(alert(**EXAMPLE, ends_at=12 * DAY), reason=NotifyReason.ALL_RESOLVED))
ROOT = f"<{FIRED.notification_id}@example.com>"


def channel(port, encryption=Encryption.NONE, *, tls=None, allowed=("127.0.0.1", "::1"), timeout_seconds=5, **login):
    reach = Reach(allowed=parse_allow_list(allowed), clock=SystemClock(), timeout_seconds=timeout_seconds, resolver=local)
    relay = Relay(host="localhost", port=port, encryption=encryption, **login)
    return EmailChannel(relay, ENVELOPE, reach, tls)


def local(_host, _port):
    from ipaddress import ip_address

    return [ip_address("127.0.0.1")]


def parsed(mail):
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def test_a_mail_arrives_and_the_end_answers_it() -> None:
    with MailSink() as relay:
        mails = channel(relay.port)
        first = mails.send(FIRED)
        assert first == Delivered(250, ROOT)
        later = Outgoing(ENDED.notification_id, ENDED.body, first.thread)
        assert mails.send(later) == Delivered(250, ROOT)
        mails.close()
        opened, closed = relay.mails
    assert (opened.sender, opened.recipients) == ("mlops@example.com", ["ml-team@example.com", "data@example.com"])
    assert parsed(opened)["Subject"] == "🔴 MLOps Alert: Model Performance Degradation Detected"
    assert parsed(opened)["Message-ID"] == ROOT
    assert parsed(opened)["References"] is None
    assert parsed(closed)["In-Reply-To"] == parsed(closed)["References"] == ROOT
    assert [part.get_content_type() for part in parsed(opened).walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert not parsed(opened).defects


def test_the_way_is_encrypted_before_the_password_is_said(tmp_path) -> None:
    server, client = certificate(tmp_path)
    with MailSink(tls=server, password="hush") as relay:
        outcome = channel(relay.port, Encryption.STARTTLS, tls=client, user="me", password="hush").send(FIRED)
        assert outcome == Delivered(250, ROOT)
        assert [(mail.encrypted, mail.user) for mail in relay.mails] == [(True, "me")]


def test_a_relay_may_speak_tls_from_the_start(tmp_path) -> None:
    server, client = certificate(tmp_path)
    with MailSink(tls=server, implicit=True) as relay:
        assert channel(relay.port, Encryption.TLS, tls=client).send(FIRED) == Delivered(250, ROOT)
        assert len(relay.mails) == 1


def test_a_wrong_password_is_final_and_not_repeated_to_anybody(tmp_path) -> None:
    server, client = certificate(tmp_path)
    with MailSink(tls=server, password="right") as relay:
        outcome = channel(relay.port, Encryption.STARTTLS, tls=client, user="me", password="wrong-hush").send(FIRED)
        assert isinstance(outcome, Refused)
        assert outcome.code == 535
        assert "wrong-hush" not in outcome.error
        assert relay.mails == []


def test_without_starttls_nothing_is_sent_in_the_clear() -> None:
    with MailSink() as relay:
        outcome = channel(relay.port, Encryption.STARTTLS).send(FIRED)
        assert isinstance(outcome, TryAgain)
        assert "STARTTLS" in outcome.error
        assert relay.mails == []


def test_a_certificate_of_another_name_is_not_accepted(tmp_path) -> None:
    server, client = certificate(tmp_path, "elsewhere.example.org")
    for implicit, encryption in ((False, Encryption.STARTTLS), (True, Encryption.TLS)):
        with MailSink(tls=server, implicit=implicit) as relay:
            outcome = channel(relay.port, encryption, tls=client).send(FIRED)
            assert isinstance(outcome, TryAgain)
            assert "certificate" in outcome.error
            assert relay.mails == []


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", TryAgain), ("452 full", TryAgain), ("552 too large", Refused), ("554 spam", Refused)]
)
def test_answers_4xx_are_tried_again_and_5xx_are_final(answer, kind) -> None:
    with MailSink() as relay:
        relay.after_data = lambda: answer
        outcome = channel(relay.port).send(FIRED)
        assert (type(outcome), outcome.code) == (kind, int(answer[:3]))
        relay.refuse = lambda _: answer
        outcome = channel(relay.port).send(FIRED)
        assert (type(outcome), outcome.code) == (kind, int(answer[:3]))


def test_who_has_the_mail_does_not_get_it_again_when_another_was_refused_for_now() -> None:
    with MailSink() as relay:
        relay.refuse = lambda address: "450 greylisted" if address == "data@example.com" else None
        mails = channel(relay.port)
        assert mails.send(FIRED) == TryAgain("1 of 2 recipients not yet", 450)
        assert isinstance(mails.send(FIRED), TryAgain)
        relay.refuse = lambda _: None
        assert mails.send(FIRED) == Delivered(250, ROOT)
        assert [mail.recipients for mail in relay.mails] == [["ml-team@example.com"], ["data@example.com"]]
        assert len({parsed(mail)["Message-ID"] for mail in relay.mails}) == 1


def test_one_recipient_refused_for_good_does_not_keep_the_mail_from_the_others() -> None:
    with MailSink() as relay:
        relay.refuse = lambda address: "550 no such user" if address == "data@example.com" else None
        assert channel(relay.port).send(FIRED) == Delivered(250, ROOT)
        assert [mail.recipients for mail in relay.mails] == [["ml-team@example.com"]]


def test_a_mail_that_was_taken_is_delivered_although_the_farewell_stalls() -> None:
    with MailSink(after_quit=lambda: asyncio.sleep(60)) as relay:
        assert channel(relay.port, timeout_seconds=1).send(FIRED) == Delivered(250, ROOT)
        assert len(relay.mails) == 1


def test_a_relay_that_drips_costs_no_more_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection:
                try:
                    for _ in range(200):
                        connection.sendall(b"220-x\r\n")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        outcome = channel(listener.getsockname()[1], timeout_seconds=0.5).send(FIRED)
        assert time.monotonic() - began < 4
    assert outcome == TryAgain("no answer within 0.5 s")


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(channel(port).send(FIRED), TryAgain)


def test_a_private_relay_must_be_allowed() -> None:
    with MailSink() as relay:
        outcome = channel(relay.port, allowed=()).send(FIRED)
        assert isinstance(outcome, Refused)
        assert "DRIFTLINE_ALERTING_ALLOW_ADDRESSES" in outcome.error


@pytest.mark.parametrize("text", HARM)
def test_a_hostile_text_arrives_as_text(text) -> None:
    harmful = alert(title=text, model_id=text, details=text, affected_segments=(text,))
    with MailSink() as relay:
        assert isinstance(channel(relay.port).send(Outgoing(*body(harmful))), Delivered)
        (mail,) = relay.mails
    assert mail.recipients == ["ml-team@example.com", "data@example.com"]
    assert parsed(mail)["Bcc"] is None
    assert not parsed(mail).defects
