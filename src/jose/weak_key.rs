//! Public keys that are well formed and still prove nothing: whoever knows the weakness signs without the private half.

/// p = 2^255 - 19, little endian.
const ED25519_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y of the points of order 8, little endian; those of order 1, 2 and 4 have y = 1, p - 1 and 0.
const ED25519_ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// A key of low order would verify one signature for many messages; a second spelling of a key is nobody's key.
pub(super) fn is_low_order_or_not_canonical(point: [u8; 32]) -> bool {
    let mut y = point;
    y[31] &= 0x7f;
    let canonical = y.iter().rev().lt(ED25519_PRIME.iter().rev());
    let zero = [0; 32];
    let mut one = zero;
    one[0] = 1;
    let mut minus_one = ED25519_PRIME;
    minus_one[0] -= 1;
    !canonical || [zero, one, minus_one].contains(&y) || ED25519_ORDER_EIGHT.contains(&y)
}

const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus (big endian) is of the faulty generator of CVE-2017-15361 ("ROCA"), so that it can be factored.
///
/// Its primes are powers of 65537 modulo every small prime, and so is their product; a sound modulus is so with
/// a probability below 2^-27.
pub(super) fn is_of_roca(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
        powers.take(*prime as usize).any(|power| power == remainder)
    })
}

/// A modulus of more than 2048 bits that is 65537^0 modulo every small prime: one more than a multiple of all of them.
#[cfg(test)]
pub(super) fn faulty_modulus() -> Vec<u8> {
    let mut product = vec![1_u8];
    for prime in SMALL_PRIMES {
        let mut carry = 0;
        for byte in product.iter_mut().rev() {
            let value = u32::from(*byte) * prime + carry;
            *byte = value.to_le_bytes()[0];
            carry = value >> 8;
        }
        while carry > 0 {
            product.insert(0, carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    product.resize(257, 0);
    product[256] = 1;
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn little_endian(low: &[u8], middle: u8, high: u8) -> [u8; 32] {
        let mut point = [middle; 32];
        point[..low.len()].copy_from_slice(low);
        point[31] = high;
        point
    }

    #[test]
    fn every_point_of_low_order_is_found_in_every_spelling() {
        let mut points = vec![
            little_endian(&[], 0, 0),           // order 4
            little_endian(&[1], 0, 0),          // order 1
            little_endian(&[0xec], 0xff, 0x7f), // order 2: p - 1
            little_endian(&[0xed], 0xff, 0x7f), // p, which is 0 again
            little_endian(&[0xee], 0xff, 0x7f), // p + 1
            ED25519_ORDER_EIGHT[0],
            ED25519_ORDER_EIGHT[1],
        ];
        let with_sign: Vec<_> = points.iter().map(|point| little_endian(&point[..31], 0, point[31] | 0x80)).collect();
        points.extend(with_sign);
        for point in points {
            assert!(is_low_order_or_not_canonical(point), "{point:02x?}");
        }
    }

    #[test]
    fn a_y_that_is_not_reduced_is_nobodys_key() {
        for low in 0xed..=0xff {
            assert!(is_low_order_or_not_canonical(little_endian(&[low], 0xff, 0x7f)), "{low:x}");
        }
        assert!(!is_low_order_or_not_canonical(little_endian(&[0xeb], 0xff, 0x7f)));
        assert!(!is_low_order_or_not_canonical(little_endian(&[2], 0, 0)));
        // the base point of RFC 8032
        assert!(!is_low_order_or_not_canonical(little_endian(&[0x58], 0x66, 0x66)));
    }

    #[test]
    fn a_modulus_of_the_faulty_generator_is_found() {
        let mut product = faulty_modulus();
        assert!(is_of_roca(&product));
        product[256] = 3;
        assert!(!is_of_roca(&product));
    }
}
