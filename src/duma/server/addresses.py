"""The address a server listens on, and the one it tells others."""

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass

from duma.errors import DumaError

_SIOCGIFADDR = 0x8915  # linux/sockios.h: the IPv4 address of an interface
_ADDRESS_IN_IFREQ = slice(20, 24)


@dataclass(frozen=True, slots=True)
class Address:
    """`listen` is bound; `advertised` names the server in answers, model files and the log."""

    listen: str
    advertised: str

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.listen == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.listen).is_loopback
        except ValueError:
            return False


def choose_address(listen_addr: str, listen_if: str) -> Address:
    """By `-b`, else by `-B`, else every address of the machine.

    Raises `DumaError` when the interface has no IPv4 address.
    """
    if listen_addr:
        return Address(listen_addr, listen_addr)
    if listen_if:
        found = interface_address(listen_if)
        if found is None:
            raise DumaError(f"Failed to get IP address from interface: {listen_if}")
        return Address(found, found)
    return Address("0.0.0.0", machine_address())


def machine_address() -> str:
    """The first IPv4 address that is not loopback, in the order of the interfaces; else loopback."""
    for _, interface in socket.if_nameindex():
        address = interface_address(interface)
        if address and not ipaddress.ip_address(address).is_loopback:
            return address
    return "127.0.0.1"


def interface_address(interface: str) -> str | None:
    """The IPv4 address of a network interface, None when it has none or does not exist."""
    name = interface.encode("utf-8", "surrogateescape")
    if not 0 < len(name) < 16:  # longer names do not exist
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name))
        except OSError:  # no such interface, or no IPv4 address
            return None
    return socket.inet_ntoa(answer[_ADDRESS_IN_IFREQ])
