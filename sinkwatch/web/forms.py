"""What each form asks for, which answers it takes, and how a wrong one is put to its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotation of `typed`
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sinkwatch.model import DEFAULT_TOPICS, Frequency, Topic
from sinkwatch.signup import Wish

if TYPE_CHECKING:
    from starlette.datastructures import FormData

RADII_M: Final = (250, 500, 1000, 2000)
"""Radii offered, metres: from what the records resolve to the size of a small town."""

DEFAULT_RADIUS_M: Final = 500
"""Radius chosen beforehand, metres: the last search ring of the assessment."""

_MOST_FIELDS: Final = 40

POSTCODE: Final = r"^\s*[A-Za-z]{1,2}[0-9][A-Za-z0-9]?\s*[0-9][A-Za-z]{2}\s*$"
"""The form of a postcode, in any case and spacing; whether it is held is asked later."""

FAULTS: Final[Mapping[str, str]] = {
    "postcode": "Enter a whole postcode, such as HG4 1HS",
    "radius": "Choose how far round the postcode you want to hear of",
    "topic": "Choose at least one thing to hear of",
    "frequency": "Choose how often you want mail",
    "email": "Enter one e-mail address, such as name@example.org",
    "consent": "Tick the box if you agree to be sent e-mails; without it we may not send any",
    "quiet": "Tick the box, or leave it",
    "pause": "Choose one of the pauses offered, or none",
    "place": "Choose one of your places",
}
"""What is said of a field that was left out or filled in wrongly."""


class Form(BaseModel):
    """What all forms share: fields that none asked for are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PlaceForm(Form):
    """
    One place to hear of.

    Attributes
    ----------
    postcode
        As typed.
    radius
        How far round it, metres.
    topic
        What to hear of there.
    """

    postcode: Annotated[str, StringConstraints(max_length=16, pattern=POSTCODE)]
    radius: Literal["250", "500", "1000", "2000"]
    topic: Annotated[list[Topic], Field(min_length=1, max_length=20)]

    def wish(self) -> Wish:
        """Return the place as `signup` takes it."""
        return Wish(
            postcode=self.postcode.strip(),
            radius_m=float(self.radius),
            topics=frozenset(self.topic),
        )


class AddressForm(Form):
    """
    An address to write to.

    Attributes
    ----------
    email
        As typed.
    """

    email: Annotated[str, StringConstraints(min_length=3, max_length=254)]


class SubscribeForm(PlaceForm, AddressForm):
    """
    A request to subscribe.

    Attributes
    ----------
    frequency
        How often mail is wanted.
    quiet
        ``yes`` if none is to go out at night.
    consent
        ``yes``; nothing else will do.
    """

    frequency: Frequency
    quiet: Literal["yes", ""] = ""
    consent: Literal["yes"]


class ChoiceForm(Form):
    """
    When mail is wanted.

    Attributes
    ----------
    frequency
        How often.
    quiet
        ``yes`` if none is to go out at night.
    """

    frequency: Frequency
    quiet: Literal["yes", ""] = ""


class PauseForm(Form):
    """
    For how long mail is to rest.

    Attributes
    ----------
    pause
        Months, ``told`` for until further notice, ``none`` to go on.
    """

    pause: Literal["1", "3", "told", "none"]


class RemovalForm(Form):
    """
    Which place to hear of no more.

    Attributes
    ----------
    place
        Its id.
    """

    place: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class OneClickForm(Form):
    """
    The body that RFC 8058 prescribes.

    Attributes
    ----------
    one_click
        ``One-Click``.
    """

    one_click: Annotated[Literal["One-Click"], Field(alias="List-Unsubscribe")]


@dataclass(frozen=True, slots=True)
class Typed:
    """
    What came with a form, as it came.

    Attributes
    ----------
    values
        Every value of each field.
    """

    values: Mapping[str, tuple[str, ...]]

    def one(self, name: str, default: str = "") -> str:
        """
        Return the value of a field.

        Parameters
        ----------
        name
            Of the field.
        default
            What stands for one that is not there.

        Returns
        -------
        value
            The first, if there are several.
        """
        return (self.values.get(name) or (default,))[0]

    def has(self, name: str, value: str) -> bool:
        """
        Tell whether a box is ticked.

        Parameters
        ----------
        name, value
            Of the box.

        Returns
        -------
        ticked
            True if it is.
        """
        return value in self.values.get(name, ())


BLANK: Final = Typed(
    {
        "radius": (str(DEFAULT_RADIUS_M),),
        "topic": tuple(sorted(DEFAULT_TOPICS)),
        "frequency": (Frequency.AT_ONCE,),
    }
)
"""The form as it is handed out: every choice that can be made beforehand, and no consent."""


async def typed(request: Request) -> Typed:
    """
    Read the fields of a form.

    Parameters
    ----------
    request
        Whose body the gate has bounded.

    Returns
    -------
    typed
        Files that may have come with it are left out.

    Raises
    ------
    HTTPException
        If the body is no form that can be read, 400; Starlette's own.
    """
    # Left at once, so that a file that came with it is closed and gone.
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        return Typed({name: _texts(form, name) for name in form})


def _texts(form: FormData, name: str) -> tuple[str, ...]:
    return tuple(value for value in form.getlist(name) if isinstance(value, str))


def faults(error: ValidationError) -> dict[str, str]:
    """
    Say what is wrong with each field.

    Parameters
    ----------
    error
        Of pydantic.

    Returns
    -------
    faults
        Field to sentence, in the order of the form.
    """
    wrong = {str(fault["loc"][0]) for fault in error.errors()}
    return {field: said for field, said in FAULTS.items() if field in wrong}


FormType = TypeVar("FormType", bound=Form)


def checked(form: type[FormType], given: Typed) -> FormType:
    """
    Check what came with a form.

    Parameters
    ----------
    form
        The form that was handed out.
    given
        What came.

    Returns
    -------
    form
        With every answer in its place.

    Raises
    ------
    ValidationError
        If a field is missing or wrong; `faults` says how to put it.
    """
    lists = {name for name, field in form.model_fields.items() if "list" in str(field.annotation)}
    values = {
        name: list(found) if name in lists else found[0]
        for name, found in given.values.items()
        if found
    }
    return form.model_validate(values)


def described(form: type[Form], *, example: Mapping[str, object] | None = None) -> dict[str, Any]:
    """
    Describe a form for OpenAPI.

    Parameters
    ----------
    form
        The form.
    example
        A filled-in form, if one helps.

    Returns
    -------
    extra
        What a route adds to its description.
    """
    schema = form.model_json_schema()
    whole = _without_references(schema, schema.pop("$defs", {}))
    content: dict[str, Any] = {"schema": whole}
    if example is not None:
        content["example"] = dict(example)
    return {
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": content},
        }
    }


def _without_references(schema: object, definitions: Mapping[str, object]) -> object:
    """Return a schema with each reference replaced by what it names: one has no file of its own."""
    if isinstance(schema, list):
        return [_without_references(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _without_references(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    return {name: _without_references(each, definitions) for name, each in schema.items()}
