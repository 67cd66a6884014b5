"""Signals to stop wait while Prefect keeps its books."""

from __future__ import annotations

import os
import signal

import pytest

from flows.tracking.stopping import STOPPING, Later


class _Stopped(BaseException):
    pass


@pytest.fixture(params=STOPPING)
def number(request):
    """A signal to stop, whose handler raises."""

    def stop(*_):
        raise _Stopped

    before = signal.signal(request.param, stop)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_waits(number):
    """It does what it does once, at the end, however often it came."""
    later = Later()
    later.begin()
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    with pytest.raises(_Stopped):
        later.end()
    later.end()


def test_a_signal_is_heard_at_once_afterwards(number):
    """Also where it was to wait twice."""
    later = Later()
    later.begin()
    later.begin()
    later.end()
    with pytest.raises(_Stopped):
        os.kill(os.getpid(), number)
