//! IP networks in CIDR notation: policies compare with them, filters too, and destinations are such.

use std::net::IpAddr;

/// A range of addresses, kept as 128 bits: IPv4 stands in its IPv6-mapped form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    host_bits: u32,
}

/// Bits of an IPv6 address before the IPv4 address that is mapped into it.
const MAPPED_PREFIX: u32 = 96;

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (offset, max) = if address.is_ipv4() { (MAPPED_PREFIX, 32) } else { (0, 128) };
        let length = match length {
            None => max,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        if length > max {
            return None;
        }
        let host_bits = 128 - (offset + length);
        Some(Self { first: without(bits(address), host_bits), host_bits })
    }

    /// Whether `address` is one of it.
    pub fn contains(self, address: IpAddr) -> bool {
        without(bits(address), self.host_bits) == self.first
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn without(bits: u128, host_bits: u32) -> u128 {
    bits.checked_shr(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        for (network, address, held) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let network = Network::parse(network).unwrap();

            assert_eq!(network.contains(address.parse().unwrap()), held, "{network:?} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/+8", "::/129", "192.0.2.0/", "a/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
