//! Murmur3 in its 128-bit form for 64-bit machines, with the seed of Kafka Streams: tells two left rows apart.

/// A hash of a row's bytes.
pub(crate) type Hash = [u8; 16];

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The seed of Kafka Streams.
const SEED: u64 = 104_729;

/// Hashes `bytes`. The result is the same on every machine and in every version, and in Kafka Streams.
pub(crate) fn hash(bytes: &[u8]) -> Hash {
    seeded(bytes, SEED)
}

fn seeded(bytes: &[u8], seed: u64) -> Hash {
    let (mut h1, mut h2) = (seed, seed);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let (k1, k2) = halves(block);
        h1 ^= mix1(k1);
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(k2);
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    let (k1, k2) = halves(&last);
    h2 ^= mix2(k2);
    h1 ^= mix1(k1);

    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = spread(h1);
    h2 = spread(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (u128::from(h1) << 64 | u128::from(h2)).to_be_bytes()
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(*block);
    (number as u64, (number >> 64) as u64)
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn spread(mut k: u64) -> u64 {
    k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_hash_is_murmur3_as_published() {
        assert_eq!(hex(&seeded(b"", 0)), "00000000000000000000000000000000");
        assert_eq!(hex(&seeded(b"hello", 0)), "cbd8a7b341bd9b025b1e906a48ae1d19");
        assert_eq!(
            hex(&seeded(b"The quick brown fox jumps over the lazy dog", 0)),
            "e34bbc7bbc071b6c7a433ca9c49a9347"
        );
    }

    #[test]
    fn hashes_of_rows_are_those_that_kafka_streams_was_recorded_with() {
        assert_eq!(hex(&hash(b"d:d1")), "3400b258ea44b3484fc7b553dc635437");
        assert_eq!(hex(&hash(b"b:cd3")), "0b11a1ae07256c3045006a17c05ad816");
    }
}
