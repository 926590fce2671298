from __future__ import annotations

import pytest

from sinkwatch.notify import replies
from sinkwatch.notify.replies import RelayError, Stage, Verdict

CONNECT, LOGIN, SENDER = Stage.CONNECT, Stage.LOGIN, Stage.SENDER
RECIPIENT, CONTENT = Stage.RECIPIENT, Stage.CONTENT


@pytest.mark.parametrize(
    ("stage", "code", "reply", "verdict"),
    [
        # The relay or the network, for now.
        (CONNECT, 421, "Service not available", Verdict.RETRY),
        (SENDER, 452, "4.3.1 Insufficient system storage", Verdict.RETRY),
        (LOGIN, 454, "4.7.0 Temporary authentication failure", Verdict.RETRY),
        (RECIPIENT, 450, "4.2.0 Greylisted", Verdict.RETRY),
        (RECIPIENT, 451, "4.7.1 Greylisting in action", Verdict.RETRY),
        (RECIPIENT, 452, "4.2.2 The mailbox is over quota", Verdict.RETRY),
        (CONTENT, 451, "4.4.2 Bad connection", Verdict.RETRY),
        (CONTENT, 450, "", Verdict.RETRY),
        # Too fast, or too little known.
        (CONTENT, 421, "4.7.28 Unusual rate of mail", Verdict.SLOW_DOWN),
        (RECIPIENT, 450, "4.7.1 Try again slower", Verdict.SLOW_DOWN),
        # The recipient, for good.
        (RECIPIENT, 550, "5.1.1 <a@b.example>: unknown", Verdict.NO_SUCH_RECIPIENT),
        (CONTENT, 550, "5.1.1 unknown", Verdict.NO_SUCH_RECIPIENT),
        (RECIPIENT, 550, "5.1.2 Bad domain", Verdict.NO_SUCH_RECIPIENT),
        (RECIPIENT, 550, "5.1.3 Bad syntax", Verdict.NO_SUCH_RECIPIENT),
        (RECIPIENT, 550, "5.1.10 Null MX", Verdict.NO_SUCH_RECIPIENT),
        (RECIPIENT, 553, "5.1.8 Your domain does not resolve", Verdict.OURS),
        (RECIPIENT, 553, "5.1.6 Mailbox has moved", Verdict.NO_SUCH_RECIPIENT),
        (RECIPIENT, 550, "5.2.1 The account is inactive", Verdict.NO_SUCH_RECIPIENT),
        # This mail only.
        (RECIPIENT, 550, "5.2.1 receiving mail at a rate that is too great", Verdict.REFUSED),
        (RECIPIENT, 552, "5.2.2 Mailbox full", Verdict.REFUSED),
        (RECIPIENT, 550, "No thanks", Verdict.REFUSED),
        (CONTENT, 554, "5.0.0 Transaction failed", Verdict.REFUSED),
        # Ourselves.
        (CONNECT, 554, "No SMTP service here", Verdict.OURS),
        (LOGIN, 535, "5.7.8 Authentication credentials invalid", Verdict.OURS),
        (SENDER, 530, "5.7.0 Must issue a STARTTLS command first", Verdict.OURS),
        (SENDER, 550, "5.1.8 Sender's domain does not resolve", Verdict.OURS),
        (RECIPIENT, 530, "Authentication required", Verdict.OURS),
        (RECIPIENT, 550, "5.4.5 Daily sending quota exceeded", Verdict.OURS),
        (RECIPIENT, 550, "5.7.1 Relaying denied", Verdict.OURS),
        (CONTENT, 550, "5.7.26 Unauthenticated mail", Verdict.OURS),
        (CONTENT, 550, "5.7.30 DANE required", Verdict.OURS),
        (CONTENT, 550, "5.7.515 Access denied", Verdict.OURS),
        # The message.
        (SENDER, 552, "5.3.4 Message too big", Verdict.BAD_MESSAGE),
        (CONTENT, 554, "5.6.0 Malformed message", Verdict.BAD_MESSAGE),
        (SENDER, 555, "Unknown parameter", Verdict.BAD_MESSAGE),
        (RECIPIENT, 501, "Syntax error", Verdict.BAD_MESSAGE),
        (CONTENT, 503, "Bad sequence", Verdict.BAD_MESSAGE),
        # No sense at all.
        (CONTENT, 299, "", Verdict.RETRY),
        (CONNECT, -1, "", Verdict.RETRY),
    ],
)
def test_a_reply_says_whose_problem_it_is(
    stage: Stage, code: int, reply: str, verdict: Verdict
) -> None:
    assert replies.verdict(stage, code, reply) is verdict


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("code", [400, 421, 450, 499])
def test_no_reply_that_begins_with_4_gives_a_message_up(stage: Stage, code: int) -> None:
    assert not replies.verdict(stage, code, "4.2.1 later").is_permanent


@pytest.mark.parametrize("stage", [CONNECT, LOGIN, SENDER])
@pytest.mark.parametrize("reply", ["5.1.1 unknown", "5.2.1 inactive", "5.7.1 no", "no"])
def test_a_relay_that_has_not_heard_the_recipient_cannot_mean_the_recipient(
    stage: Stage, reply: str
) -> None:
    assert replies.verdict(stage, 550, reply) is Verdict.OURS


def test_what_is_our_own_fault_never_gives_the_recipient_up() -> None:
    assert not Verdict.OURS.is_permanent
    assert not RelayError("message 1", Verdict.OURS, "535").permanent
    assert RelayError("message 1", Verdict.NO_SUCH_RECIPIENT, "550 5.1.1").permanent


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("5.1.1 unknown", "5.1.1"),
        ("5.7.515", "5.7.515"),
        ("no 5.1.1", ""),
        ("55.1.1", ""),
        ("", ""),
    ],
)
def test_the_enhanced_code_is_read_from_the_beginning(reply: str, code: str) -> None:
    assert replies.enhanced(reply) == code


@pytest.mark.parametrize(
    ("status", "code", "words", "verdict"),
    [
        ("5.1.1", 0, "", Verdict.NO_SUCH_RECIPIENT),
        ("5.1.1", 554, "", Verdict.NO_SUCH_RECIPIENT),
        ("5.1.10", 0, "", Verdict.NO_SUCH_RECIPIENT),
        ("5.1.6", 0, "", Verdict.REFUSED),
        ("5.1.6", 553, "", Verdict.NO_SUCH_RECIPIENT),
        ("5.2.1", 0, "", Verdict.REFUSED),
        ("5.2.1", 550, "account is disabled", Verdict.NO_SUCH_RECIPIENT),
        ("5.0.0", 0, "", Verdict.REFUSED),
        ("5.0.0", 535, "", Verdict.OURS),
        ("5.0.0", 501, "", Verdict.BAD_MESSAGE),
        ("5.0.0", 451, "", Verdict.REFUSED),
        ("5.1.7", 553, "", Verdict.OURS),
        ("5.1.8", 0, "", Verdict.OURS),
        ("5.4.5", 0, "", Verdict.OURS),
        ("5.7.1", 0, "", Verdict.OURS),
        ("5.7.8", 0, "", Verdict.OURS),
        ("5.3.4", 0, "", Verdict.BAD_MESSAGE),
        ("5.5.1", 0, "", Verdict.BAD_MESSAGE),
        ("5.6.7", 0, "", Verdict.BAD_MESSAGE),
        ("4.7.28", 0, "", Verdict.SLOW_DOWN),
        ("4.2.2", 452, "", Verdict.RETRY),
        ("4.4.7", 0, "", Verdict.RETRY),
        ("2.0.0", 0, "", Verdict.RETRY),
        ("", 0, "", Verdict.RETRY),
    ],
)
def test_a_status_without_its_stage_is_classed_by_the_same_table(
    status: str, code: int, words: str, verdict: Verdict
) -> None:
    assert replies.verdict_of_status(status, code=code, words=words) is verdict


@pytest.mark.parametrize("code", [0, 550, 553, 554])
def test_no_status_of_a_policy_suppresses_a_recipient(code: int) -> None:
    verdicts = {
        replies.verdict_of_status(f"5.7.{detail}", code=code, words="account inactive")
        for detail in range(600)
    }
    assert verdicts == {Verdict.OURS, Verdict.REFUSED}
