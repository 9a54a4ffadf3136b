"""Sentences that name arguments."""

from __future__ import annotations

import pickle

from centering.cli._common import option
from centering.sentence import Sentence, argument, message, retold


def test_a_sentence_is_told_in_two_ways():
    said = Sentence(
        "{what} of {path!r} needs {max_shift}, {radius:auto} or {resume:True}; {inner}",
        what=argument("phase_flip"),
        path="{radius} {0}.star",  # a name of a file is no template
        inner=Sentence("{pixel_size} {value:g}", value=1.5),
    )
    assert said == "phase_flip of '{radius} {0}.star' needs max_shift, radius='auto' or resume=True; pixel_size 1.5"
    expected = "--phase-flip of '{radius} {0}.star' needs --max-shift, --radius auto or --resume; --angpix 1.5"
    assert said.told(option) == expected
    again = pickle.loads(pickle.dumps(said))
    assert (again, again.told(option)) == (said, expected)


def test_an_error_is_told_as_it_was_raised():
    said = Sentence("give {overwrite:True}")
    for kind in (ValueError, FileExistsError, OSError):
        assert str(kind(said)) == "give overwrite=True"
        assert retold(message(kind(said)), option) == "give --overwrite"
    assert retold(message(OSError(2, "gone", "x")), option) == "[Errno 2] gone: 'x'"
    assert retold(message(ValueError()), option) == ""
    assert retold("{radius}", option) == "{radius}"
