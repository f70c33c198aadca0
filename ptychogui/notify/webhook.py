"""Sends a report as JSON to a webhook."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import asdict

from ptychogui import __version__
from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.report import Report
from ptychogui.notify.settings import webhook_text

TIMEOUT_S = 15.0


def post(url: str, report: Report, timeout_s: float = TIMEOUT_S) -> None:
    """Send a report by POST. `id` in it is the same where a report comes twice.

    Raises:
        UnreachableError: the server does not answer, or says that it is its own fault.
        RefusedError: the server does not take it.
    """
    told = {name: value for name, value in asdict(report).items() if name not in ("uid", "to")}
    content = json.dumps({"event": "batch" if report.jobs else "job", "id": report.uid, **told}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"ptychogui/{__version__}"}
    request = urllib.request.Request(url, content, headers, method="POST")
    where = f"webhook {webhook_text(url)}"
    try:
        with _OPENER.open(request, timeout=timeout_s):
            return
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code in (401, 403, 404, 408, 429):
            raise UnreachableError(f"{where} answers {error.code} {error.reason}") from None
        raise RefusedError(f"{where} answers {error.code} {error.reason}", is_final=True) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableError(f"{where}: {reason or type(error).__name__}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what is posted would be lost on the way."""

    def redirect_request(self, *_args: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
