"""Commands of the outbox: list, show, preview, retry, approve, discard, retract."""

from __future__ import annotations

from pathlib import Path

import click

from sinkwatch.cli import options
from sinkwatch.errors import ConfigError


@click.group()
def outbox() -> None:
    """List, show, preview and retry messages; approve, discard or retract what they tell."""


@outbox.command("list")
@click.option("--state", help="Only messages in this state, such as sent or parked.")
@options.config
@options.as_json
def list_messages(*, state: str | None, config_path: Path | None, as_json: bool) -> None:
    """List the messages; no address is shown."""
    from sinkwatch.services import open_services
    from sinkwatch.store import outbox as stored

    with open_services(config_path).store() as store, store.read() as connection:
        rows = stored.listing(connection, state)
    if as_json:
        options.echo_json(
            [
                {
                    "message_id": row.message_id,
                    "kind": row.kind,
                    "subject": row.subject,
                    "state": row.state,
                    "created_at": row.created_at.isoformat(),
                    "due_at": row.due_at.isoformat(),
                    "sent_at": row.sent_at.isoformat() if row.sent_at else None,
                    "attempts": row.attempts,
                    "last_problem": row.last_problem,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        when = row.sent_at or row.due_at
        click.echo(f"{row.message_id[:12]}  {row.state:<18} {when:%Y-%m-%d %H:%M}  {row.subject}")
        if row.last_problem:
            click.echo(f"              {row.last_problem}")
    click.echo(f"{len(rows)} in all")


@outbox.command("show")
@click.argument("message")
@options.config
def show_message(*, message: str, config_path: Path | None) -> None:
    """Print the text of MESSAGE, named by the start of its id."""
    import email
    import email.policy

    from sinkwatch.services import open_services
    from sinkwatch.store import outbox as stored

    with open_services(config_path).store() as store, store.read() as connection:
        found = stored.get(connection, message)
    parsed = email.message_from_bytes(found.mime, policy=email.policy.default)
    for name in ("Subject", "Date", "Message-ID"):
        click.echo(f"{name}: {parsed[name]}")
    body = parsed.get_body(preferencelist=("plain",))
    click.echo(f"\n{body.get_content() if body else ''}")
    for key in found.event_keys:
        click.echo(f"Tells: {key}")


@outbox.command("retry")
@click.argument("messages", nargs=-1)
@options.config
def retry_messages(*, messages: tuple[str, ...], config_path: Path | None) -> None:
    """Put parked or failed MESSAGES, named by the start of their ids, back; without any, all."""
    from sinkwatch.services import open_services
    from sinkwatch.store import outbox as stored
    from sinkwatch.store import throttles

    services = open_services(config_path)
    with services.store() as store, store.begin() as connection:
        named = [stored.get(connection, start).message_id for start in messages]
        n_queued = stored.retry(connection, named or None, services.clock())
        throttles.lift(connection)
    click.echo(f"{n_queued} back in the queue; the next run delivers them")


@outbox.command("approve")
@click.argument("run", type=int, required=False)
@options.config
def approve_run(*, run: int | None, config_path: Path | None) -> None:
    """Let the mails of RUN go, which waits since it concerns so many; without RUN, list these."""
    from sinkwatch.services import open_services
    from sinkwatch.store import alerts, brakes

    services = open_services(config_path)
    with services.store() as store:
        if run is not None:
            with store.begin() as connection:
                brakes.end(connection, run, "approved", services.clock())
            click.echo(f"Run {run} approved; the next round of the mailroom writes its mails")
            return
        with store.read() as connection:
            waiting = [
                (brake, alerts.of_run(connection, brake.run_id))
                for brake in brakes.waiting(connection)
            ]
    for brake, events in waiting:
        when = f"Run {brake.run_id} of {brake.since:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{when}: {brake.n_concerned} subscribers, {brake.rule}")
        for event in events:
            click.echo(f"    {event.title}: {event.happened}")
    click.echo(f"{len(waiting)} waiting")


@outbox.command("discard")
@click.argument("run", type=int)
@options.config
def discard_run(*, run: int, config_path: Path | None) -> None:
    """Let nobody hear of what RUN found, which waits since it concerns so many."""
    from sinkwatch.services import open_services
    from sinkwatch.store import alerts, brakes

    services = open_services(config_path)
    with services.store() as store, store.begin() as connection:
        brakes.end(connection, run, "discarded", services.clock())
        n_discarded = alerts.discard(connection, run)
    click.echo(f"Run {run} discarded; {n_discarded} alerts will not be told")


@outbox.command("receive")
@click.argument("mailbox", type=click.Path(path_type=Path, exists=True, allow_dash=True))
@click.option("--recipient", default="", help="Address that the mail was sent to, if known.")
@options.config
@options.as_json
def receive_returned(
    *, mailbox: Path, recipient: str, config_path: Path | None, as_json: bool
) -> None:
    """Act on returned mail in MAILBOX: mbox, Maildir or one file; `-` reads one mail from stdin."""
    import sys

    from sinkwatch import returns
    from sinkwatch.notify import mailboxes
    from sinkwatch.services import open_services

    services = open_services(config_path)
    mails = (
        [mailboxes.message_in(sys.stdin.buffer)]
        if str(mailbox) == "-"
        else mailboxes.messages_in(mailbox)
    )
    with services.store() as store:
        outcomes = returns.receive(services, store, mails, recipient=recipient)
    if as_json:
        options.echo_json(outcomes)
        return
    for outcome, number in outcomes.items():
        click.echo(f"{number:>6}  {outcome}")


@outbox.command("retract")
@click.argument("event")
@click.argument("because")
@options.config
def retract_event(*, event: str, because: str, config_path: Path | None) -> None:
    """Tell everyone who was told EVENT, named by its key, that it was wrong, and why: BECAUSE."""
    from sinkwatch import retraction
    from sinkwatch.services import open_services

    n_told = retraction.retract(open_services(config_path), event, because)
    click.echo(f"{n_told} subscribers will be told; the next round of the mailroom writes to them")


@outbox.command("preview")
@click.option("--place", required=True, help="Postcode at which a subscriber would be.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; without it, preview in the state folder.",
)
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
@options.config
@options.as_json
def preview_message(
    *, place: str, output: Path | None, is_opened: bool, config_path: Path | None, as_json: bool
) -> None:
    """Write the mail that a subscriber at --place would get; no subscriber is needed."""
    from sinkwatch import preview
    from sinkwatch.notify import render
    from sinkwatch.services import open_services

    services = open_services(config_path)
    message = preview.message(services, place)
    folder = output or services.settings.state_folder / "preview"
    paths = _write(folder, place, message.mime, render.preview(message))
    if as_json:
        options.echo_json({"subject": message.subject, **{k: str(p) for k, p in paths.items()}})
        return
    click.echo(f"Subject:   {message.subject}")
    click.echo(f"Mail:      {paths['eml']}")
    click.echo(f"As a page: {paths['html']}")
    if is_opened:
        click.launch(str(paths["html"]))


@outbox.command("test")
@click.argument("email")
@click.option("--place", default="", help="Postcode it is about; else the first one held.")
@options.config
def send_test(*, email: str, place: str, config_path: Path | None) -> None:
    """Send EMAIL a mail like those that subscribers get, at once and by the relay as it is set."""
    import contextlib

    from sinkwatch import preview
    from sinkwatch.services import open_services

    services = open_services(config_path)
    message = preview.message(services, place or preview.a_postcode(services), email)
    with contextlib.closing(services.mailer()) as mailer:
        mailer.send(message)
    click.echo(f"Handed over: {message.subject}")


def _write(folder: Path, place: str, mime: bytes, page: bytes) -> dict[str, Path]:
    stem = "".join(character if character.isalnum() else "-" for character in place.upper())
    paths = {"eml": folder / f"{stem}.eml", "html": folder / f"{stem}.html"}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths["eml"].write_bytes(mime)
        paths["html"].write_bytes(page)
    except OSError as error:
        raise ConfigError(
            str(folder), f"cannot be written ({error.strerror})", "Name another with --output"
        ) from error
    return paths
