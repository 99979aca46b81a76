"""What the tests of data share."""

import socket

import pytest


@pytest.fixture
def closed_site() -> str:
    """The address of a server that nobody runs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/DIV2K"
