"""Which addresses a notification may be sent to: the public internet, and what the operator allows by name."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        # Python 3.11 calls some of these global (python/cpython#113171); a gateway could lead them inside.
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "5f00::/16",
        "fec0::/10",
    )
)

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class AllowList:
    """Networks that may be reached although they are private."""

    networks: tuple[Network, ...] = ()

    def permits(self, address: Address) -> bool:
        """Whether a connection to this address may be made. An IPv4 address inside an IPv6 one is judged as itself."""
        plain = _unwrapped(address)
        if any(plain in network for network in self.networks if network.version == plain.version):
            return True
        reserved = any(plain in network for network in _NOT_PUBLIC if network.version == plain.version)
        return plain.is_global and not plain.is_multicast and not reserved


def parse_allow_list(items: Iterable[str]) -> AllowList:
    """From texts such as `127.0.0.1`, `10.20.0.0/16`, `fd00::/8`. Raises ValueError naming the bad one."""
    return AllowList(tuple(ipaddress.ip_network(item.strip()) for item in items if item.strip()))


def keeps_secrets(url: str) -> bool:
    """Whether nobody on the way can read what is sent to a URL: over TLS, or to this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
