"""Listening sockets."""

import socket

import pytest

from wellhead.config.values import Address
from wellhead.serve import sockets


def test_port_0_takes_a_free_port_and_says_which() -> None:
    with sockets.bind(Address("127.0.0.1", 0), "gateway.bind") as listener:
        assert sockets.url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        with socket.create_connection(listener.getsockname()):
            pass


def test_an_address_in_use_names_the_setting_and_says_what_to_do() -> None:
    with sockets.bind(Address("127.0.0.1", 0), "gateway.bind") as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(sockets.BindError) as caught:
            sockets.bind(address, "gateway.bind")
    assert str(caught.value) == (
        f"gateway.bind: cannot listen on {address}: "
        "the address is in use; stop the program that has it or choose another port (0 takes any)"
    )


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(sockets.BindError, match="this machine has no such address"):
        sockets.bind(Address("192.0.2.1", 0), "gateway.bind")


def test_where_one_address_cannot_be_had_none_is_kept() -> None:
    with sockets.bind(Address("127.0.0.1", 0), "gateway.bind") as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with sockets.bind(Address("127.0.0.1", 0), "a free one") as one:
            free = Address("127.0.0.1", one.getsockname()[1])
        with pytest.raises(sockets.BindError, match=r"control\.bind: cannot listen"):
            sockets.bind_all({"gateway": free, "control": address})
    with sockets.bind(free, "gateway.bind"):
        pass


def test_every_role_has_its_listener() -> None:
    found = sockets.bind_all({"gateway": Address("127.0.0.1", 0), "control": Address("127.0.0.1", 0)})
    assert list(found) == ["gateway", "control"]
    for one in found.values():
        one.close()
