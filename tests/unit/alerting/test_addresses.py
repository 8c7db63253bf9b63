import ipaddress

import pytest

from driftline.alerting.addresses import parse_allow_list

NOBODY = parse_allow_list([])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_what_is_not_public_is_not_permitted(address) -> None:
    assert not NOBODY.permits(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_the_public_internet_is_permitted(address) -> None:
    assert NOBODY.permits(ipaddress.ip_address(address))


def test_the_allow_list_opens_what_it_names_and_nothing_else() -> None:
    allowed = parse_allow_list(["127.0.0.1", " 10.20.0.0/16", "fd00::/8", ""])
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "10.20.3.4", "fd12::1"):
        assert allowed.permits(ipaddress.ip_address(address))
    for address in ("127.0.0.2", "10.21.0.1", "fc00::1"):
        assert not allowed.permits(ipaddress.ip_address(address))


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "300.1.1.1"])
def test_an_allow_list_takes_addresses_and_networks_only(text) -> None:
    with pytest.raises(ValueError, match=text.split("/", maxsplit=1)[0]):
        parse_allow_list([text])
