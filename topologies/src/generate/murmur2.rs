//! The hash by which Kafka's default partitioner places a key.

/// Partition of `key` among `partitions`; 0 when there are none.
pub fn partition_of_key(key: &[u8], partitions: i32) -> i32 {
    if partitions < 1 {
        return 0;
    }
    (murmur2(key).cast_signed() & 0x7fff_ffff) % partitions
}

fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    // Keys are far below 4 GiB; the hash uses only the low 32 bits of the length.
    let mut hash = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        let word = word.iter().rev().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ (word ^ (word >> 24)).wrapping_mul(MIX);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_those_of_the_java_client() {
        // The values of Kafka's own UtilsTest.
        let cases: [(&[u8], i32); 5] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key).cast_signed(), hash);
        }
    }

    #[test]
    fn a_topic_without_partitions_is_no_division_by_zero() {
        assert_eq!(partition_of_key(b"abc", 0), 0);
    }
}
