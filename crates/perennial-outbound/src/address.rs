//! Which addresses are public: those that lead to the same host from anywhere in the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks with a use of their own (IANA's special-purpose registry), multicast among them.
const SPECIAL_V4: [(Ipv4Addr, u32); 14] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// What is special of IPv6's one public network, 2000::/3: protocol assignments with Teredo,
/// documentation, and 6to4, in which any IPv4 address hides.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether `address` is public.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let within =
                |(net, len): (Ipv4Addr, u32)| (v4.to_bits() ^ net.to_bits()) >> (32 - len) == 0;
            !SPECIAL_V4.into_iter().any(within)
        }
        IpAddr::V6(v6) => {
            let within =
                |(net, len): (Ipv6Addr, u32)| (v6.to_bits() ^ net.to_bits()) >> (128 - len) == 0;
            let public = within((Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3));
            public && !SPECIAL_V6.into_iter().any(within)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_special_networks_are_not_public() {
        let special = [
            "0.0.0.0",
            "10.255.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];

        let public: Vec<_> = special.iter().filter(|it| is_public(it.parse().unwrap())).collect();

        assert_eq!(public, Vec::<&&str>::new());
    }

    #[test]
    fn addresses_beside_special_networks_are_public() {
        let others = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
        ];

        let not: Vec<_> = others.iter().filter(|it| !is_public(it.parse().unwrap())).collect();

        assert_eq!(not, Vec::<&&str>::new());
    }
}
