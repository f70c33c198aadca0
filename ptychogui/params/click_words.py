"""Words of a command line, checked before click reads them, so that the option that a wrong one belongs to is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from ptychogui.params.model import describe

_NEEDS = {"N": "a number", "X": "a number", "FILE": "a file", "TEXT": "a text", "DIR": "a folder"}
"""What an option needs, by the first word of its metavar."""

_ANYTHING = ("a file", "a text", "a folder")
"""What may begin with two dashes."""

_LONG = re.compile(r"--[A-Za-z]")
_SHORT = re.compile(r"-[A-Za-z]")


class LoneOption(click.Option):
    """An option that may stand alone.

    Args:
        alone: the value that it has then.
        is_meant: whether a word that follows is its value, right or wrong.
    """

    def __init__(self, *args: Any, alone: str, is_meant: Callable[[str], bool], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.alone, self.is_meant = alone, is_meant


class Command(click.Command):
    """A command that names the option that a wrong word belongs to."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give options that stand alone their value, and refuse words that belong to nothing."""
        before_files = args[: args.index("--")] if "--" in args else args
        if not (ctx.resilient_parsing or "--help" in before_files):
            args = _Words(self, ctx).checked(args)
        return super().parse_args(ctx, args)


class _Words:
    """The words of one command, and which option each loose one follows."""

    def __init__(self, command: click.Command, ctx: click.Context) -> None:
        self._ctx = ctx
        params = command.get_params(ctx)
        self._arguments = [param for param in params if isinstance(param, click.Argument)]
        self._options: Mapping[str, click.Option] = {
            name: param
            for param in params
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        }
        self._loose: list[tuple[str, str]] = []
        self._has_unknown = False

    def checked(self, args: Sequence[str]) -> list[str]:
        """Return the words for click.

        Raises:
            UsageError: an option lacks its value, is none, or a word is left over.
        """
        words, told, before = list(args), list[str](), ""
        while words:
            word = words.pop(0)
            name, equals, _ = word.partition("=")
            option = self._options.get(name)
            if word == "--":
                self._loose += [(file, "") for file in words]
                told += [word, *words]
                break
            if option is None:
                self._take(word, before)
                before = ""
                told.append(word)
                continue
            before = name
            told.append(word if equals or option.is_flag else self._with_value(name, option, words))
            if equals and option.is_flag:
                raise self._error(f"{name} is a switch and takes no value{self._off(name)}")
        self._check_left_over()
        return told

    def _take(self, word: str, before: str) -> None:
        """Note a word that is no option of the command; click says which are like it."""
        if _SHORT.match(word):
            self._refuse_short(word.partition("=")[0])
        if word.startswith("-") and word != "-":
            self._has_unknown = True
        else:
            self._loose.append((word, before))

    def _refuse_short(self, name: str) -> None:
        """Say what an option with one dash is here, if it is one with two or ptychopy's."""
        flags = {f"-{param.flag}": param.option for param in describe() if param.flag}
        if f"-{name}" in self._options:
            raise self._error(f"there is no option {name}; did you mean -{name}?")
        if name in flags and flags[name] in self._options:
            raise self._error(f"there is no option {name}, which is ptychopy's; give {flags[name]}, or use --command")

    def _with_value(self, name: str, option: click.Option, words: list[str]) -> str:
        """Return an option with the value that follows it, as one word."""
        if isinstance(option, LoneOption) and not (words and option.is_meant(words[0])):
            return f"{name}={option.alone}"
        follows = words[0] if words else ""
        if not words or follows == "--":
            raise self._error(f"{name} needs {_need(option)}")
        if follows.partition("=")[0] in self._options or _LONG.match(follows):
            hint = f"; if that is its value, write {name}={follows}" if _need(option) in _ANYTHING else ""
            raise self._error(f"{name} needs {_need(option)}, but {follows} follows{hint}")
        value = words.pop(0)
        return f"{name}={value}" if name.startswith("--") else f"{name}{value}"

    def _check_left_over(self) -> None:
        """Refuse more loose words than the command takes, and name the one that most likely is none."""
        room = sum(argument.nargs for argument in self._arguments)
        takes_any = any(argument.nargs < 0 for argument in self._arguments)
        if takes_any or self._has_unknown or len(self._loose) <= room:
            return
        stray = [(word, name) for word, name in self._loose if name and not os.path.exists(word)]
        word, name = (stray or self._loose[room:])[0]
        raise self._error(f"'{word}' is left over: {self._taken(name)}")

    def _taken(self, name: str) -> str:
        """Say what an option, or the command where there is none, takes."""
        option = self._options.get(name)
        if option is not None and option.is_flag:
            return f"{name} is a switch and takes no value{self._off(name)}"
        if isinstance(option, LoneOption):
            return f"{name} takes {(option.metavar or '').strip('[]')}, a part of it, 'never' or nothing"
        files = " ".join(argument.make_metavar(self._ctx).strip("[]") for argument in self._arguments)
        taken = f"'{self._ctx.command_path}' takes {files or 'options'} only"
        if option is None:
            return taken
        return f"{taken}, and {name} one value, {option.metavar or 'a text'}, in quotes if it has blanks"

    def _off(self, name: str) -> str:
        """Offer what turns a switch off."""
        off = name.replace("--", "--no-", 1)
        return f"; {off} turns it off" if off in self._options else ""

    def _error(self, message: str) -> click.UsageError:
        return click.UsageError(message, self._ctx)


def _need(option: click.Option) -> str:
    """Say what an option needs: "a number", "one of auto, numpy", "ROW,COLUMN [m]"."""
    if isinstance(option.type, click.IntRange):
        return "a number"
    metavar = option.metavar or "a text"
    return _NEEDS.get(metavar.partition(" ")[0], metavar)
