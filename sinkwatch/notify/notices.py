"""What the mails of fixed words say: to confirm, to change, to answer, and to the operator."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sinkwatch import wording
from sinkwatch.model import MailKind, SignupPurpose
from sinkwatch.notify import mime, notice, sentences, subjects
from sinkwatch.notify.notice import Addressee, Notice, Post

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sinkwatch.model import Area, Message, MessageId, Signup, Subscriber
    from sinkwatch.notify.sender import Sender

CONFIRM_WITHIN: Final = timedelta(hours=48)
"""How long the mail says that its link confirms (sinkwatch mail rules)."""

MANAGE_WITHIN: Final = timedelta(days=90)
"""How long the mail says that its link opens one's own page (sinkwatch mail rules)."""

STILL_THERE: Final = "still-there"
"""How the dedupe key of a mail begins that asks whether its reader still wants ours."""

_MOST_LINE: Final = 1_000
_MOST_LINES: Final = 200


def confirmation(  # noqa: PLR0913 - all that goes into one mail, each by its name
    signup: Signup,
    *,
    sender: Sender,
    area: Area,
    is_known: bool,
    message_id: MessageId,
    at: datetime,
) -> Message:
    """
    Ask an address whether it made a request; nothing in it was typed by whoever made it.

    Parameters
    ----------
    signup
        The request, its places as our own list has them.
    sender
        Who writes.
    area
        The area.
    is_known
        Whether the address is subscribed already.
    message_id
        One per recipient.
    at
        When it is written, aware.

    Returns
    -------
    message
        With a link that is good for `CONFIRM_WITHIN`.
    """
    url = sender.confirm_url(signup.signup_id, at)
    if signup.purpose is SignupPurpose.CHANGE_ADDRESS:
        said = _move(area, url)
    elif is_known:
        said = _more(signup, area, url)
    else:
        said = _first(signup, area, url)
    to = Addressee(
        kind=MailKind.CONFIRMATION,
        email=signup.email,
        dedupe_key=f"{MailKind.CONFIRMATION}:{signup.signup_id}",
        signup_id=signup.signup_id,
    )
    post = Post(sender=sender, area=area, message_id=message_id, at=at)
    return notice.message(said, post, to)


_GOOD_FOR: Final = (
    "The link opens a page with one button, and only pressing that changes anything. It is good "
    f"for {CONFIRM_WITHIN.total_seconds() / 3600:.0f} hours."
)
_WHAT_WE_DO: Final = (
    "We tell residents what is recorded about the ground near their postcode, and which planning "
    "applications come up there."
)
_DO_NOTHING: Final = "If you did not ask for this, do nothing: you will hear nothing more of it."


def _first(signup: Signup, area: Area, url: str) -> Notice:
    postcodes = [place.postcode for place in signup.wanted]
    return Notice(
        subject=f"Please confirm: e-mails about {subjects.named(postcodes)}",
        before=(
            _WHAT_WE_DO,
            (
                "Somebody, we hope you, has asked us to send e-mails to this address, "
                f"{wording.FREQUENCIES[signup.frequency]}, about what lies "
                f"{sentences.asked(signup.wanted, area.rock)}."
            ),
            f"By confirming you say: “{wording.consent_text(postcodes)}”",
        ),
        link=("Confirm these e-mails", url),
        after=(_GOOD_FOR, _DO_NOTHING),
        why=_given_at_sign_up(area),
    )


def _more(signup: Signup, area: Area, url: str) -> Notice:
    postcodes = [place.postcode for place in signup.wanted]
    near = subjects.named(postcodes)
    return Notice(
        subject=f"Please confirm: {near}",
        before=(
            (
                "You already subscribe to our e-mails. Somebody, we hope you, has asked to hear "
                f"also of what lies {sentences.asked(signup.wanted, area.rock)}."
            ),
            (
                f"By confirming you add {near} to your places, or change it if you have it. You "
                f"say: “{wording.consent_text(postcodes)}”"
            ),
        ),
        link=(f"Add or change {near}", url),
        after=(_GOOD_FOR, _DO_NOTHING),
        why=_given_at_sign_up(area),
    )


def _given_at_sign_up(area: Area) -> str:
    name = wording.clean(area.name)
    return f"You get this because this address was given on the sign-up page of {name} Sinkwatch."


def _move(area: Area, url: str) -> Notice:
    return Notice(
        subject="Please confirm your new address",
        before=(
            (
                "Somebody, we hope you, has asked us to send the e-mails that they get from "
                f"{wording.clean(area.name)} Sinkwatch to this address from now on."
            ),
        ),
        link=("Use this address", url),
        after=(_GOOD_FOR, _DO_NOTHING),
        why="You get this because a subscriber gave this address as their new one.",
    )


def manage_link(
    subscriber: Subscriber, *, sender: Sender, area: Area, message_id: MessageId, at: datetime
) -> Message:
    """
    Send a subscriber the link to their own page.

    Parameters
    ----------
    subscriber
        Who asked for it.
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    at
        When it is written, aware.

    Returns
    -------
    message
        With a link that is good for `MANAGE_WITHIN`.
    """
    said = Notice(
        subject="Your link to change or stop our e-mails",
        before=(
            (
                "On your own page you can change what you hear of and how often, add or remove a "
                "postcode, pause, move to another address, see what we keep about you, or stop and "
                "have everything erased."
            ),
        ),
        link=("Open your page", sender.manage_url(subscriber, at)),
        after=(
            (
                f"The link is good for {MANAGE_WITHIN.days} days. Whoever has it can change these "
                "settings, so keep it to yourself."
            ),
            _DO_NOTHING,
        ),
        why="You get this because somebody asked for the link to this address's page.",
    )
    to = Addressee(
        email=subscriber.email,
        dedupe_key=f"manage:{message_id}",
        subscriber_id=subscriber.subscriber_id,
    )
    return notice.message(said, Post(sender=sender, area=area, message_id=message_id, at=at), to)


def still_there(  # noqa: PLR0913 - all that goes into one mail, each by its name
    subscriber: Subscriber,
    *,
    ends_on: date,
    sender: Sender,
    area: Area,
    message_id: MessageId,
    at: datetime,
) -> Message:
    """
    Ask a subscriber of long standing whether they still want our mail.

    Parameters
    ----------
    subscriber
        Who is asked.
    ends_on
        When it ends without an answer, Europe/London.
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    at
        When it is written, aware.

    Returns
    -------
    message
        With a link to their own page.
    """
    since = wording.date_text(wording.london_date(subscriber.confirmed_at))
    near = subjects.named([place.postcode for place in subscriber.subscriptions])
    said = Notice(
        subject="Do you still want our e-mails?",
        before=(
            (
                f"On {since} you agreed to e-mails about ground stability near {near}. We ask "
                "again every two years."
            ),
            "To go on, open your page and press the button there.",
        ),
        link=("Open your page", sender.manage_url(subscriber, at)),
        after=(
            (
                f"Without an answer the e-mails end on {wording.date_text(ends_on)}, and what we "
                "keep about you is erased. You can subscribe again at any time."
            ),
        ),
        why=f"You get this because you subscribe to e-mails about ground stability near {near}.",
    )
    to = Addressee(
        email=subscriber.email,
        dedupe_key=f"{STILL_THERE}:{subscriber.subscriber_id}:{ends_on.isoformat()}",
        subscriber_id=subscriber.subscriber_id,
        leave_token=sender.leave_token(subscriber.subscriber_id, at),
    )
    return notice.message(said, Post(sender=sender, area=area, message_id=message_id, at=at), to)


def address_changed(
    old_email: str, *, sender: Sender, area: Area, message_id: MessageId, at: datetime
) -> Message:
    """
    Tell an address that our mail goes elsewhere now; where, it does not say.

    Parameters
    ----------
    old_email
        Canonical address.
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    at
        When it is written, aware.

    Returns
    -------
    message
        Without a link.
    """
    day = wording.date_text(wording.london_date(at))
    said = Notice(
        subject="Our e-mails now go to another address",
        before=(
            (
                f"On {day} our e-mails about ground stability were moved from this address to "
                "another one, which has confirmed it. Nothing more comes here, and this address is "
                "no longer kept with the subscription."
            ),
            "If that was not you, write to the address below.",
        ),
        why="You get this because our e-mails came to this address until now.",
    )
    to = Addressee(email=old_email, dedupe_key=f"address-changed:{message_id}")
    return notice.message(said, Post(sender=sender, area=area, message_id=message_id, at=at), to)


def export(  # noqa: PLR0913 - all that goes into one mail, each by its name
    email: str,
    held: Mapping[str, object],
    *,
    sender: Sender,
    area: Area,
    message_id: MessageId,
    at: datetime,
) -> Message:
    """
    Send an address everything that is held about it.

    Parameters
    ----------
    email
        Canonical address.
    held
        Values that JSON can hold.
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    at
        When it is written, aware.

    Returns
    -------
    message
        The one mail of ours with an attachment.
    """
    said = Notice(
        subject="What we keep about you",
        before=(
            (
                f"You asked for everything that we keep about this address. The attached file "
                f'"{_EXPORT_NAME}" has it, as it was on '
                f"{wording.date_text(wording.london_date(at))}: your places and settings, your "
                "consent, which e-mails went to you and what they told. Any text editor opens it; "
                "times are UTC."
            ),
            "If something in it is wrong, write to the address below.",
        ),
        why="You get this because somebody with the link to your page asked for it there.",
        attachment=mime.Attachment(
            name=_EXPORT_NAME,
            content_type="application/json",
            content=(json.dumps(held, ensure_ascii=False, indent=2) + "\n").encode(),
        ),
    )
    to = Addressee(email=email, dedupe_key=f"export:{message_id}")
    return notice.message(said, Post(sender=sender, area=area, message_id=message_id, at=at), to)


_EXPORT_NAME: Final = "what-we-keep.json"


def operator(  # noqa: PLR0913 - all that goes into one mail, each by its name
    email: str,
    subject: str,
    lines: Sequence[str],
    *,
    sender: Sender,
    area: Area,
    message_id: MessageId,
    dedupe_key: str,
    at: datetime,
) -> Message:
    """
    Tell the operator something.

    Parameters
    ----------
    email
        Their canonical address.
    subject
        What it is about.
    lines
        What to know, a sentence or two each.
    sender
        Who writes.
    area
        The area.
    message_id
        One per recipient.
    dedupe_key
        What it says, as an id: it is said once.
    at
        When it is written, aware.

    Returns
    -------
    message
        Without a link.
    """
    shown = [wording.trimmed(wording.clean(line), _MOST_LINE) for line in lines]
    said = Notice(
        subject=wording.clean(subject),
        before=tuple(line for line in shown[:_MOST_LINES] if line),
        why=f"You get this because you run {sender.from_name}.",
    )
    to = Addressee(kind=MailKind.OPERATOR, email=email, dedupe_key=dedupe_key)
    return notice.message(said, Post(sender=sender, area=area, message_id=message_id, at=at), to)
