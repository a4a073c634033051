//! Which partition a record goes to: murmur2 of its key bytes, as Java clients choose it.

/// The partition among `count` for a key: its hash without the sign bit, modulo `count`.
pub fn partition_of(key: &[u8], count: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff).cast_signed() % count.max(1)
}

/// Places records on the partitions of topics; one per worker, for the records without a key.
#[derive(Debug, Default)]
pub(crate) struct Partitioner {
    next: i32,
}

impl Partitioner {
    /// The partition among `count` for a key. Records without a key go round; Java's clients choose at random there.
    pub(crate) fn place(&mut self, key: Option<&[u8]>, count: i32) -> i32 {
        let Some(key) = key else {
            self.next = (self.next + 1) % count.max(1);
            return self.next;
        };
        partition_of(key, count)
    }
}

/// 32-bit murmur2 with the seed of Kafka's Java clients.
pub(crate) fn murmur2(bytes: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    // Java hashes the length as an int; keys longer than that cannot be sent.
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MIX);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MIX) ^ word.wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_partitions_are_those_of_the_java_clients() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../tests/engine/data/partitioner.json")).unwrap();
        let mut checked = 0;
        for case in cases.as_array().unwrap().iter().filter(|case| case["topology"]["op"] == "murmur2") {
            let key = case["inputs"][0]["key"].as_str().unwrap().as_bytes();
            let hash = i32::from_ne_bytes(murmur2(key).to_ne_bytes());
            assert_eq!(i64::from(hash), case["hash"].as_i64().unwrap(), "{}", case["id"]);
            for (count, partition) in case["derived_partition"].as_object().unwrap() {
                assert_eq!(i64::from(partition_of(key, count.parse().unwrap())), partition.as_i64().unwrap());
                checked += 1;
            }
        }
        assert!(checked >= 14, "{checked} placements checked");
    }

    #[test]
    fn a_topic_without_partitions_is_treated_like_one_with_a_single_one() {
        assert_eq!(partition_of(b"21", 0), 0);
    }
}
