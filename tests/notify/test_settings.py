"""Settings of mail: what may be set, what is said of mistakes, what is shown."""

from __future__ import annotations

import pytest

from ptychogui.errors import ParameterError
from ptychogui.notify.settings import PostSettings

WORDS = ("host=mail.example.org", "port=2525", "tls=STARTTLS", "user=me", "sender=me@example.org", "limit_MB=2.5",
         "webhook=https://hooks.example.org/secret/x", "desktop=on")  # fmt: skip
ALL = PostSettings("mail.example.org", 2525, "starttls", "me", "me@example.org", 2.5,
                   "https://hooks.example.org/secret/x", True)  # fmt: skip


def test_all_of_them_can_be_set_and_come_back() -> None:
    assert PostSettings().with_words(WORDS) == ALL
    assert PostSettings.from_json(ALL.to_json()) == ALL
    assert PostSettings.from_json("") == PostSettings()


def test_an_empty_value_sets_the_default() -> None:
    assert ALL.with_words(tuple(word.partition("=")[0] + "=" for word in WORDS)) == PostSettings()


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_the_usual_port_goes_with_the_connection(tls: str, port: int) -> None:
    assert PostSettings().with_words((f"tls={tls}",)).used_port == port


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("host", "NAME=VALUE, where NAME is host, port"),
        ("password=x", "NAME=VALUE"),
        ("host=https://mail.example.org", "must be the name or the address of a mail server"),
        ("host=a b", "must be the name"),
        ("port=0", "from 1 to 65535"),
        ("port=x", "from 1 to 65535"),
        ("tls=ssl", "must be one of none, starttls, tls"),
        ("sender=me", "must be addresses"),
        ("sender=a@b.org,c@d.org", "must be one address"),
        ("limit_MB=lots", "must be a number of MB"),
        ("limit_MB=0", "must be a number of MB"),
        ("webhook=ftp://x.org", "must be a URL"),
        ("desktop=maybe", "must be on or off"),
    ],
)
def test_a_mistake_is_named(word: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said) as told:
        PostSettings().with_words((word,))
    assert str(told.value).startswith(f"--set {word}: ")


def test_what_is_shown_keeps_the_secret_of_a_webhook() -> None:
    shown = ALL.shown()
    assert shown["webhook"] == "https://hooks.example.org/..." and "secret" not in str(shown)
    assert (shown["desktop"], shown["port"]) == ("on", "2525")
    assert PostSettings().shown()["sender"].count("@") == 1
