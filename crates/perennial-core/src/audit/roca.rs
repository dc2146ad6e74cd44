//! ROCA (CVE-2017-15361): RSA moduli of a library whose primes are powers of 65537.
//!
//! That library's primes are `k·M + (65537^a mod M)`, `M` the product of the first primes. So is
//! their product, modulo each prime of `M`, a power of 65537; of other moduli about one in 2^27
//! is. Source: Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §2.4.

/// The odd primes up to 167, which divide `M` for keys of every size that is accepted.
const PRIMES: [u8; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// For each prime, which remainders are powers of 65537: bit `r` for the remainder `r`.
const PRINTS: [[u128; 2]; PRIMES.len()] = prints();

/// Whether the modulus, most significant octet first, has the fingerprint.
pub fn is_vulnerable(modulus: &[u8]) -> bool {
    !modulus.is_empty() && PRIMES.iter().zip(&PRINTS).all(|(p, print)| fits(modulus, *p, print))
}

fn fits(modulus: &[u8], prime: u8, print: &[u128; 2]) -> bool {
    let prime = u32::from(prime);
    let rest = modulus.iter().fold(0, |rest, octet| (rest << 8 | u32::from(*octet)) % prime);
    let [low, high] = print;
    let half = if rest < 128 { low } else { high };
    half >> (rest % 128) & 1 == 1
}

const fn prints() -> [[u128; 2]; PRIMES.len()] {
    let mut prints = [[0; 2]; PRIMES.len()];
    let mut at = 0;
    while at < PRIMES.len() {
        prints[at] = print(PRIMES[at] as u32);
        at += 1;
    }
    prints
}

const fn print(prime: u32) -> [u128; 2] {
    let mut print = [0; 2];
    let mut power = 1;
    loop {
        print[(power / 128) as usize] |= 1 << (power % 128);
        power = power * 65_537 % prime;
        if power == 1 {
            return print;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prints_are_the_published_ones() {
        // From the authors' tool: the prints of 3, 5, 7, 11, 13, 17 and 19.
        let published = [6, 30, 126, 1026, 5658, 107_286, 199_410];

        for (print, published) in PRINTS.iter().zip(published) {
            assert_eq!(*print, [published, 0]);
        }
    }

    /// `product mod M` for two primes of the library, and then some multiples of `M` on top: as
    /// vulnerable as a real key as far as the fingerprint goes, of any size.
    fn vulnerable(power: u32, multiples: u8) -> Vec<u8> {
        let m = PRIMES.iter().fold(vec![2], |m, prime| times(&m, *prime));
        let mut residue = vec![1];
        for _ in 0..power {
            residue = reduced(times_65537(&residue), &m);
        }
        let mut modulus = m;
        for _ in 0..multiples {
            modulus = times(&modulus, 251);
        }
        plus(&modulus, &residue)
    }

    fn times(number: &[u8], factor: u8) -> Vec<u8> {
        let mut carry = 0u32;
        let mut out: Vec<u8> = (number.iter().rev())
            .map(|octet| {
                let product = u32::from(*octet) * u32::from(factor) + carry;
                carry = product >> 8;
                product.to_le_bytes()[0]
            })
            .collect();
        out.push(carry.to_le_bytes()[0]);
        out.into_iter().rev().skip_while(|octet| *octet == 0).collect()
    }

    fn times_65537(number: &[u8]) -> Vec<u8> {
        plus(&[number, &[0, 0]].concat(), number)
    }

    fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut carry = 0u16;
        let len = a.len().max(b.len());
        let octet = |n: &[u8], at: usize| n.len().checked_sub(at + 1).map_or(0, |i| n[i]);
        let mut out: Vec<u8> = (0..len)
            .map(|at| {
                let sum = u16::from(octet(a, at)) + u16::from(octet(b, at)) + carry;
                carry = sum >> 8;
                sum.to_le_bytes()[0]
            })
            .collect();
        out.push(carry.to_le_bytes()[0]);
        out.into_iter().rev().skip_while(|octet| *octet == 0).collect()
    }

    /// By long division, one octet after the other.
    fn reduced(number: Vec<u8>, m: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        for octet in number {
            rest.push(octet);
            rest = rest.into_iter().skip_while(|octet| *octet == 0).collect();
            while (rest.len(), &rest[..]) >= (m.len(), m) {
                rest = minus(&rest, m);
            }
        }
        rest
    }

    fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut borrow = 0i16;
        let octet = |n: &[u8], at: usize| n.len().checked_sub(at + 1).map_or(0, |i| n[i]);
        let out: Vec<u8> = (0..a.len())
            .map(|at| {
                let difference = i16::from(octet(a, at)) - i16::from(octet(b, at)) - borrow;
                borrow = i16::from(difference < 0);
                difference.rem_euclid(256).to_le_bytes()[0]
            })
            .collect();
        out.into_iter().rev().skip_while(|octet| *octet == 0).collect()
    }

    #[test]
    fn a_modulus_made_as_the_library_made_them_is_recognised() {
        for (power, multiples) in [(1, 30), (2, 100), (1234, 150), (4000, 240)] {
            assert!(is_vulnerable(&vulnerable(power, multiples)), "{power} {multiples}");
        }
    }

    #[test]
    fn the_next_number_and_ordinary_numbers_are_not() {
        let neighbour = plus(&vulnerable(1234, 150), &[2]);
        let squares = (1..=200u8).map(|n| times(&times(&[n; 256], 253), 241));

        assert!(!is_vulnerable(&neighbour));
        assert_eq!(squares.filter(|number| is_vulnerable(number)).count(), 0);
        assert!(!is_vulnerable(&[]));
    }
}
