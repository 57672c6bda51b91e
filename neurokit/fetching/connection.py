"""Talking to a server: answers are opened, and what may pass is tried again.

The library is requests: it keeps connections open, which thousands of small files need, brings the
certificates of authorities with it, which some installations of Python lack, and goes through the
proxies that the environment names (`HTTPS_PROXY`, `NO_PROXY`).
"""

from __future__ import annotations

import email.utils
import errno
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NameResolutionError

from neurokit.errors import NeurokitError, first_line

log = logging.getLogger("neurokit.fetching")

TRIES = 6
"""How often in a row something may fail before it is given up."""
_TRIES_TO_REACH = 2
"""The same, of a host that cannot be reached and has not answered yet."""
_FIRST_WAIT = 1.0  # seconds; each further wait is twice as long
_LONGEST_WAIT = 60.0
_LONGEST_ASKED_WAIT = 300.0  # that a server may ask for
_TIMEOUT = (20.0, 60.0)  # seconds to connect, and without a byte arriving
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_UNREACHABLE = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH}
_REASONS = {
    401: "it wants a login",
    403: "it refuses to give it",
    404: "there is no such file",
    410: "it is there no more",
}


class PassingError(Exception):
    """What may go well when it is tried again.

    Attributes:
        wait: the seconds that the server asks to wait, or None.
        reached: whether the server has been reached, now or before.
    """

    def __init__(self, reason: str, wait: float | None = None, reached: bool = True) -> None:
        super().__init__(reason)
        self.wait = wait
        self.reached = reached


class GivenUpError(NeurokitError):
    """It has failed too often; another time it may go well.

    Attributes:
        what: cannot be had, and why.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.what = what


class Stopped(Exception):
    """The work was called off."""


class Connection:
    """Connections to servers, which threads may share.

    Args:
        at_once: how many threads use it.
    """

    def __init__(self, at_once: int = 1) -> None:
        self.stopping = threading.Event()
        self._answered: set[str] = set()
        self._session = requests.Session()
        # Stored bytes are wanted: sizes, ranges and checksums are of those.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = "neurokit"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=at_once))

    def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """The server's answer, of which the body is still to be read.

        Status 416 (there is nothing in the range that was asked for) is an answer, too.

        Raises:
            PassingError: it may go well when it is tried again.
            NeurokitError: it will not.
        """
        try:
            answer = self._session.request(
                method, url, headers=headers, timeout=_TIMEOUT, stream=True, **more
            )
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            # Of these two, neither passes: trying on would only delay the news.
            raise NeurokitError(
                f"cannot reach {url}: {_reason(error)}; check certificates and proxies "
                f"(HTTPS_PROXY, REQUESTS_CA_BUNDLE)"
            ) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            host = urlsplit(url).netloc
            unreachable = _unreachable(error, urlsplit(url).hostname)
            reached = unreachable is None or host in self._answered
            raise PassingError(unreachable or _reason(error), reached=reached) from error
        except requests.RequestException as error:
            raise NeurokitError(f"cannot fetch {url}: {_reason(error)}") from error
        self._answered.add(urlsplit(url).netloc)
        if answer.ok or answer.status_code == 416:
            return answer
        answer.close()
        status = f"the server answers {answer.status_code} {answer.reason}".rstrip()
        if answer.status_code in _PASSING:
            raise PassingError(status, _asked_wait(answer.headers.get("Retry-After")))
        reason = _REASONS.get(answer.status_code)
        raise NeurokitError(f"cannot fetch {url}: {status}{f': {reason}' if reason else ''}")

    def read(self, url: str, **more: Any) -> bytes:
        """A whole body, small enough for the memory; tried again where that may help.

        Raises:
            NeurokitError: it cannot be had.
        """
        for failures in range(1, TRIES + 1):
            try:
                with self.ask("GET", url, **more) as answer:
                    return answer.content
            except requests.RequestException:
                self.wait_after(PassingError("the connection broke"), failures, url)
            except PassingError as error:
                self.wait_after(error, failures, url)
        raise AssertionError("the last failure is raised by wait_after")

    def wait_after(self, error: PassingError, failures: int, url: str) -> None:
        """Wait before trying again; longer after each failure, and as the server asks.

        Raises:
            GivenUpError: it has failed too often, or the server asks for too long a wait.
            Stopped: the work was called off meanwhile.
        """
        seconds = min(_FIRST_WAIT * 2.0 ** (failures - 1), _LONGEST_WAIT)
        too_long = error.wait is not None and error.wait > _LONGEST_ASKED_WAIT
        if failures >= (TRIES if error.reached else _TRIES_TO_REACH) or too_long:
            times = f" {failures} times" if failures > 1 and error.reached else ""
            asked = f", and asks to wait {error.wait:.0f} s" if error.wait and too_long else ""
            advice = "try again later" if error.reached else "check the network and the address"
            raise GivenUpError(f"cannot fetch {url}: {error}{times}{asked}", advice) from error
        seconds = max(seconds, error.wait or 0.0)
        if error.reached:  # else it is not long until the error tells
            log.warning("%s: %s; trying again in %.0f s", url, error, seconds)
        if _pause(self.stopping, seconds):
            raise Stopped

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


def _pause(stopping: threading.Event, seconds: float) -> bool:
    """Wait; true where the work is called off meanwhile."""
    return stopping.wait(seconds)


def _asked_wait(header: str | None) -> float | None:
    """The seconds that a header `Retry-After` says, as a number or as a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _unreachable(error: BaseException, host: str | None) -> str | None:
    """Why a host cannot be reached; None where it was, and the trouble came later."""
    for inner in _inwards(error):
        each: BaseException | None = inner
        while each is not None:
            if isinstance(each, NameResolutionError | socket.gaierror):
                return f"the name {host} cannot be resolved"
            if isinstance(each, OSError) and each.errno in _UNREACHABLE:
                return os.strerror(each.errno)
            each = each.__cause__
    return None


def _inwards(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it wraps."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        causes = (getattr(inner, "reason", None), *inner.args)
        inner = next((each for each in causes if isinstance(each, Exception)), None)


def _reason(error: BaseException) -> str:
    """What is behind an error of requests, which wraps those of others several times."""
    words = {
        requests.ConnectTimeout: "the server does not answer",
        requests.ReadTimeout: "the server does not go on",
    }
    for kind, meaning in words.items():
        if isinstance(error, kind):
            return meaning
    *_, error = _inwards(error)
    said = re.sub(r"\[Errno -?\d+\] ", "", first_line(error).rpartition(": ")[2])
    return said or type(error).__name__
