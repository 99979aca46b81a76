"""Which signals a run notes."""

import signal

from srzoo.training.stopping import StopRequest


def test_a_closed_terminal_is_noted_as_often_as_it_is_told():
    before = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with StopRequest() as stop:
            for _ in range(2):  # by the shell and by the system
                signal.raise_signal(signal.SIGHUP)
        assert stop.number == signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_process_was_started_to_ignore_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert stop.number is None
    finally:
        signal.signal(signal.SIGHUP, before)
