"""`ptychogui mail`, and mail of jobs of the queue and of the terminal, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner

from ptychogui import cli
from ptychogui.notify.password import VARIABLE
from ptychogui.queue.store import letters
from ptychogui.queue.store.letters import MAIL
from ptychogui.queue.store.store import Store
from tests.cli.runs import FAST, refusal, run
from tests.notify.mail_server import PASSWORD, USER, MailServer, mail_server, trusted_here
from tests.notify.test_password import InMemory

TO = ("--email", "user@example.org")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(keyring.core, "_keyring_backend", InMemory())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        run("mail", "--set", "host=localhost", "--set", f"port={server.settings.port}", "--set", "sender=scan@b.org")
        yield server


def test_settings_are_set_and_told() -> None:
    run("mail", "--set", "host=mail.example.org", "--set", "tls=starttls")
    told = run("mail").stdout
    for part in ("mail.example.org", "starttls", "587", "not needed"):
        assert part in told
    assert "--set colour=red: say NAME=VALUE" in refusal("mail", "--set", "colour=red")


def test_a_password_is_kept_and_nowhere_to_be_seen(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, scan: Path
) -> None:
    trusted_here(tmp_path, monkeypatch)
    with mail_server("starttls", wants_user=True) as server:
        run("mail", "--set", "tls=starttls", "--set", f"port={server.settings.port}", "--set", f"user={USER}")
        assert "no password" in refusal("mail", "--test")
        outcome = CliRunner().invoke(cli.main, ["mail", "--password"], input=f"{PASSWORD}\n")
        assert outcome.exit_code == 0 and "kept in the keyring" in outcome.stderr
        run("mail", "--test", "--to", "user@example.org")
        run("queue", "add", scan, *FAST, *TO, "-o", tmp_path / "result.cxi")
        run("run", "--until-empty", "--devices", "numpy")
        assert [mail["To"] for mail in server.mails] == ["user@example.org"] * 2
        assert "known" in run("mail").stdout
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)


def test_a_password_needs_a_user_and_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--set user=NAME" in refusal("mail", "--password")
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())
    run("mail", "--set", "user=me")
    assert f"none: this system has no keyring that can be used: set {VARIABLE}" in run("mail").stdout


def test_an_empty_password_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    run("mail", "--set", "user=me")
    for given, said in (("secret\n", "known"), ("\n", "none")):
        assert CliRunner().invoke(cli.main, ["mail", "--password"], input=given).exit_code == 0
        assert said in run("mail").stdout.splitlines()[-1]


def test_a_test_is_sent_and_what_hinders_it_is_said(server: MailServer) -> None:
    run("mail", "--test")
    assert [mail["To"] for mail in server.mails] == ["scan@b.org"]
    server.answers["RCPT gone@b.org"] = ["550 has left"]
    assert "550 has left" in refusal("mail", "--test", "--to", "gone@b.org")
    assert "--to gone: must be addresses" in refusal("mail", "--test", "--to", "gone")


def test_jobs_of_the_queue_send_mail_with_pictures(server: MailServer, scan: Path, tmp_path: Path) -> None:
    run("queue", "add", scan, *FAST, *TO, "-o", tmp_path / "good.cxi")
    run("run", "--until-empty", "--devices", "numpy")
    good = next(mail for mail in server.mails if "done" in mail["Subject"])
    names = [part.get_filename() for part in good.iter_attachments()]
    assert names == ["good.png", "good_phase8.tif", "good_magnitude8.tif"]
    text = good.get_body(("plain",))
    assert text is not None and "reconstruction.iterations" in text.get_content()


def test_a_server_that_is_down_delays_no_job_and_gets_its_mail_later(scan: Path, home: Path, tmp_path: Path) -> None:
    with mail_server() as server:
        port = server.settings.port
    run("mail", "--set", f"port={port}")
    run("queue", "add", scan, *FAST, *TO)
    outcome = run("run", "--until-empty", "--devices", "numpy")
    assert outcome.stderr.count("no word is sent by mail") == 1
    assert "not sent so far by mail: " in run("mail").stdout
    with mail_server(port=port) as server:
        run("run", "--until-empty", "--devices", "numpy")
        assert len(server.mails) == 1
    with Store(home / "queue") as store:
        assert letters.waiting(store, MAIL) == []


def test_reconstruct_sends_mail_as_well(server: MailServer, scan: Path, tmp_path: Path) -> None:
    run("reconstruct", scan, *FAST, *TO, "-o", tmp_path / "result.cxi")
    assert [mail["To"] for mail in server.mails] == ["user@example.org"]
    assert "must be addresses" in refusal("reconstruct", scan, *FAST, "--email", "user")
