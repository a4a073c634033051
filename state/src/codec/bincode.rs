//! bincode by serde: compact, fast, not self-describing.
//!
//! Why version 2.0.1 exactly: users asked for bincode, 3.0.0 is a tombstone that does not compile, and the project is
//! no longer maintained (RUSTSEC-2025-0141). It is named in this file only, so that it can be replaced in one place. The
//! bytes carry no field names: a type that changed cannot read its old data. Prefer [`json`](super::json()) where types evolve.

use std::marker::PhantomData;
use std::sync::Arc;

use ::bincode::config;
use ::bincode::serde::{decode_from_slice, encode_into_std_write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::show::show_bytes;

use super::{Codec, CodecError, CodecRef};

/// Any serde type in bincode 2, standard configuration (little endian, variable-length integers).
pub fn bincode<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> CodecRef<T> {
    Arc::new(Bincode(PhantomData::<fn() -> T>))
}

struct Bincode<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Codec<T> for Bincode<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let before = out.len();
        match encode_into_std_write(value, &mut *out, config::standard()) {
            Ok(_) => Ok(()),
            Err(error) => Err(CodecError::new(self.id(), out.len() - before, error)),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        match decode_from_slice(bytes, config::standard()) {
            Ok((value, read)) if read == bytes.len() => Ok(value),
            Ok((_, read)) => Err(CodecError::new(
                self.id(),
                bytes.len(),
                format_args!("the value ends after {read} bytes"),
            )),
            Err(error) => Err(CodecError::new(self.id(), bytes.len(), error)),
        }
    }

    fn show(&self, bytes: &[u8]) -> serde_json::Value {
        let value = self.decode(bytes).ok().and_then(|value| serde_json::to_value(value).ok());
        value.unwrap_or_else(|| show_bytes(bytes))
    }

    fn id(&self) -> &'static str {
        "bincode2"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bincode_reads_what_it_wrote_and_refuses_the_rest() {
        let value = ("text".to_owned(), Some(7_u64), vec![1.5_f64]);
        let mut out = Vec::new();
        bincode().encode(&value, &mut out).unwrap();
        let codec = bincode::<(String, Option<u64>, Vec<f64>)>();
        assert_eq!(codec.decode(&out), Ok(value));
        assert!(codec.decode(&out[..out.len() - 1]).is_err(), "cut short");
        out.push(0);
        assert!(codec.decode(&out).unwrap_err().to_string().contains("ends after"), "trailing byte");
    }
}
