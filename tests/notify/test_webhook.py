"""Posting to a webhook: a real server, what it gets, and what its answers mean."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.webhook import post
from tests.notify.mail_server import free_port, silent_server
from tests.notify.test_letter import BATCH, DONE


class Hook:
    """A webhook, and what has come there.

    Attributes:
        answer: status of the next answer.
        got: what was posted.
    """

    def __init__(self) -> None:
        self.answer = 200
        self.got: list[Any] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((self.path, self.headers["Content-Type"], content))
                self.send_response(hook.answer)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret/path"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_report_is_posted_as_json(hook: Hook) -> None:
    post(hook.url, DONE)
    post(hook.url, BATCH)
    (path, kind, told), (_, _, batch) = hook.got
    assert (path, kind) == ("/secret/path", "application/json")
    assert (told["event"], told["id"], told["state"], told["error"]) == ("job", "abc-1", "done", 1.03125)
    assert "to" not in told
    assert (batch["event"], batch["jobs"][1]["cause"]) == ("batch", "it is\ntruncated")


@pytest.mark.parametrize(("answer", "error"), [(503, UnreachableError), (404, UnreachableError),
                                               (429, UnreachableError), (400, RefusedError),
                                               (302, RefusedError)])  # fmt: skip
def test_what_the_answer_means(hook: Hook, answer: int, error: type[Exception]) -> None:
    hook.answer = answer
    with pytest.raises(error, match=f"answers {answer}") as told:
        post(hook.url, DONE)
    assert "secret" not in str(told.value)
    assert len(hook.got) == 1


def test_nobody_answers() -> None:
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1/\.\.\."):
        post(f"http://127.0.0.1:{free_port()}/secret", DONE)
    with silent_server() as silent, pytest.raises(UnreachableError, match="timed out"):
        post(f"http://127.0.0.1:{silent.port}/", DONE, timeout_s=0.2)
