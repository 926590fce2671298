"""Ten stages of a conversation with six faults each, and what each fault is to be taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinkwatch.notify.relay import Relay
from sinkwatch.notify.replies import Verdict
from tests.notify.messages import DOMAIN
from tests.peers.smtp import Fault, Step

if TYPE_CHECKING:
    from pathlib import Path

SHORT_S = 0.2
CLOSE, RESET, SILENCE = Fault.CLOSE, Fault.RESET, Fault.SILENCE
GOING, SLOW = "421 4.3.2 Shutting down", "450 4.7.28 Too much for <resident1@example.org>"
RETRY, SLOW_DOWN, UNKNOWN = Verdict.RETRY, Verdict.SLOW_DOWN, Verdict.UNKNOWN

REFUSALS = {
    Step.GREETING: ("554 5.7.1 resident1@example.org is not served here", Verdict.OURS),
    Step.EHLO: ("550 5.7.1 Who are you?", Verdict.OURS),
    Step.STARTTLS: ("501 5.5.4 No", Verdict.OURS),
    Step.EHLO_IN_TLS: ("502 5.5.1 No", Verdict.OURS),
    Step.AUTH: ("535 5.7.8 sinkwatch:hunter2-and-more is wrong", Verdict.OURS),
    Step.MAIL: ("550 5.7.1 <bounces@example.org>: not yours", Verdict.OURS),
    Step.RCPT: ("550 5.1.1 <resident1@example.org>: unknown", Verdict.NO_SUCH_RECIPIENT),
    Step.DATA: ("554 5.5.1 No valid recipients", Verdict.REFUSED),
    Step.DOT: ("554 5.6.0 Malformed", Verdict.BAD_MESSAGE),
}
"""The telling one of each stage: what refuses before the recipient is heard refuses us."""

MATRIX = [
    # Where TLS is due from the first byte, what is said in the clear is not believed.
    *[(Step.CONNECT, fault, RETRY) for fault in (RESET, SILENCE, CLOSE)],
    *[(Step.CONNECT, said, Verdict.OURS) for said in (GOING, SLOW, "554 5.7.1 No")],
    *[
        (step, fault, UNKNOWN if step is Step.DOT else RETRY)
        for step in REFUSALS
        for fault in (RESET, SILENCE, CLOSE)
    ],
    *[(step, GOING, RETRY) for step in REFUSALS],
    *[(step, SLOW, SLOW_DOWN) for step in REFUSALS],
    *[(step, *refusal) for step, refusal in REFUSALS.items()],
]


def settings(port: int, authority: Path, **changed: object) -> Relay:
    values: dict[str, object] = {
        "host": "localhost",
        "port": port,
        "our_name": DOMAIN,
        "user": "sinkwatch",
        "password": "hunter2-and-more",
        "ca_file": authority,
    }
    return Relay(**{**values, **changed})  # type: ignore[arg-type]


def waits(step: Step, fault: object) -> dict[str, float]:
    """Wait briefly for what will not come, and for nothing else: this machine may be slow."""
    if fault is not SILENCE:
        return {}
    if step is Step.DOT:
        return {"content_timeout_s": SHORT_S}
    until_tls = {Step.CONNECT, Step.GREETING, Step.EHLO, Step.STARTTLS}
    return {"connect_timeout_s" if step in until_tls else "command_timeout_s": SHORT_S}
