from typing import Annotated, Literal

import pytest
from pydantic import Field

from esc50.config.schema.settings import Settings
from esc50.errors import UserError


class Kitchen(Settings):
    """Every kind of key there is."""

    count: Annotated[int, Field(ge=1, le=4096)] = 3
    part: Annotated[float, Field(gt=0, le=1)] | None = None
    kind: Literal["clip", "fixed"] = "clip"
    pair: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    flag: bool = True
    limit: Annotated[float, Field(ge=0)] = 1.0
    needed: str = "x"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"count": 0}, "kitchen.count=0 is invalid: it takes a whole number from 1 to 4096"),
        ({"count": 1.5}, "kitchen.count=1.5 is invalid: it takes a whole number from 1 to 4096"),
        ({"count": True}, "kitchen.count=True is invalid: it takes a whole number from 1 to 4096"),
        ({"count": None}, "kitchen.count=null is invalid: it takes a whole number from 1 to 4096"),
        ({"part": 0}, "kitchen.part=0 is invalid: it takes a number above 0 and of at most 1, or "),
        ({"part": float("nan")}, "kitchen.part=nan is invalid: it takes a number above 0"),
        ({"limit": float("inf")}, "kitchen.limit=inf is invalid: it takes a number of at least 0"),
        ({"kind": "x"}, "kitchen.kind=x is invalid: it takes one of clip, fixed"),
        (
            {"pair": [1]},
            "kitchen.pair=[1] is invalid: it takes a list of 2, each a",
        ),
        (
            {"needed": 2024},
            "kitchen.needed=2024 is invalid: it takes a text; a number, true or false is a text "
            "only in quotes: 'kitchen.needed=\"2024\"'",
        ),
        ({"needed": 1e3}, "kitchen.needed=1000.0 is invalid: it takes a text; a number, true or "),
        ({"flag": 1}, "kitchen.flag=1 is invalid: it takes true or false"),
        ({"cuont": 1}, "kitchen.cuont is not a setting: did you mean kitchen.count?"),
        ({"zzz": 1}, "kitchen.zzz is not a setting: nothing would read it"),
    ],
)
def test_a_wrong_key_or_value_is_one_sentence(given, sentence):
    with pytest.raises(UserError) as caught:
        Kitchen.parse("kitchen", given)
    assert str(caught.value).startswith(sentence)


def test_a_number_in_quotes_is_no_answer_to_what_is_no_number():
    for value in (None, ["x"]):
        with pytest.raises(UserError, match=r"it takes a text$"):
            Kitchen.parse("kitchen", {"needed": value})


def test_what_fits_is_taken_and_the_target_is_passed_over():
    kitchen = Kitchen.parse("kitchen", {"_target_": "x.Y", "count": 5, "pair": [1, 2], "part": 1})
    assert (kitchen.count, kitchen.pair, kitchen.part) == (5, [1, 2], 1.0)


def test_a_missing_key_is_named():
    class Strict(Settings):
        root: str

    with pytest.raises(UserError, match=r"data\.root has no value: give it as data\.root="):
        Strict.parse("data", {})
