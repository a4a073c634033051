//! The durable facts of a task beside its data, written in the same batch.
//!
//! Bytes (format 1): one version byte, then the three maps; a map is its entry count, an entry a length-prefixed name and a
//! value. Counts and lengths are 4 bytes, numbers 8, all big endian.

use std::collections::BTreeMap;

/// Up to where the data of a task goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Store name -> next changelog offset to read.
    pub changelog: BTreeMap<String, i64>,
    /// `task`, an operator's name or `store:<name>` -> stream time in milliseconds.
    pub stream_times: BTreeMap<String, i64>,
    /// Anything else that must change together with the data.
    pub metadata: BTreeMap<String, Vec<u8>>,
}

const FORMAT: u8 = 1;

impl Checkpoint {
    /// Whether no changelog of `other` goes further than this one's.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        let behind = |(store, next): (&String, &i64)| self.changelog.get(store).is_none_or(|own| own < next);
        !other.changelog.iter().any(behind)
    }

    /// The bytes kept beside the data.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        for map in [&self.changelog, &self.stream_times] {
            push_length(&mut out, map.len());
            for (name, number) in map {
                push_bytes(&mut out, name.as_bytes());
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        push_length(&mut out, self.metadata.len());
        for (name, value) in &self.metadata {
            push_bytes(&mut out, name.as_bytes());
            push_bytes(&mut out, value);
        }
        out
    }

    /// Reads the bytes back; the error says what does not fit.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader(bytes);
        let format = reader.take(1)?[0];
        if format != FORMAT {
            return Err(format!("checkpoint format {format} is unknown"));
        }
        let changelog = reader.map(Reader::number)?;
        let stream_times = reader.map(Reader::number)?;
        let metadata = reader.map(|reader| reader.bytes().map(<[u8]>::to_vec))?;
        if !reader.0.is_empty() {
            return Err(format!("{} bytes behind the checkpoint", reader.0.len()));
        }
        Ok(Self { changelog, stream_times, metadata })
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    // Names and metadata are far below 4 GiB; a saturated length would be refused when read.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Reads from the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let Some((front, rest)) = self.0.split_at_checked(length) else {
            return Err(format!("checkpoint is cut short: {length} bytes wanted, {} left", self.0.len()));
        };
        self.0 = rest;
        Ok(front)
    }

    fn length(&mut self) -> Result<usize, String> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn number(&mut self) -> Result<i64, String> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte)))
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    fn map<T>(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<BTreeMap<String, T>, String> {
        let count = self.length()?;
        let mut map = BTreeMap::new();
        for _ in 0..count {
            let name = std::str::from_utf8(self.bytes()?).map_err(|error| error.to_string())?.to_owned();
            map.insert(name, value(self)?);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        Checkpoint {
            changelog: BTreeMap::from([("counts".into(), 42), ("sums".into(), i64::MAX)]),
            stream_times: BTreeMap::from([("task".into(), -5)]),
            metadata: BTreeMap::from([("note".into(), vec![0, 255])]),
        }
    }

    #[test]
    fn a_checkpoint_reads_back_as_written() {
        for checkpoint in [example(), Checkpoint::default()] {
            assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
        }
    }

    #[test]
    fn a_cut_or_padded_or_newer_checkpoint_is_refused() {
        let mut bytes = example().encode();
        for length in 0..bytes.len() {
            assert!(Checkpoint::decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        bytes.push(0);
        assert!(Checkpoint::decode(&bytes).is_err());
        bytes[0] = 9;
        assert_eq!(Checkpoint::decode(&bytes), Err("checkpoint format 9 is unknown".into()));
    }

    #[test]
    fn the_bytes_of_format_one_do_not_change() {
        let checkpoint =
            Checkpoint { changelog: BTreeMap::from([("s".into(), 258)]), ..Checkpoint::default() };
        let bytes = [1, 0, 0, 0, 1, 0, 0, 0, 1, b's', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(checkpoint.encode(), bytes);
    }
}
