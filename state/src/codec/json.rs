//! JSON by serde.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError, CodecRef};

/// Any serde type as compact JSON. Fields may be added to a type later when they have a serde default.
pub fn json<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> CodecRef<T> {
    Arc::new(Json(PhantomData::<fn() -> T>))
}

struct Json<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Codec<T> for Json<T> {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let before = out.len();
        serde_json::to_writer(&mut *out, value)
            .map_err(|error| CodecError::new(self.id(), out.len() - before, error))
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        serde_json::from_slice(bytes).map_err(|error| CodecError::new(self.id(), bytes.len(), error))
    }

    fn id(&self) -> &'static str {
        "json"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn json_reads_what_it_wrote() {
        let value = BTreeMap::from([("a".to_owned(), vec![1_u32, 2])]);
        let mut out = Vec::new();
        json().encode(&value, &mut out).unwrap();
        assert_eq!(out, br#"{"a":[1,2]}"#);
        assert_eq!(json::<BTreeMap<String, Vec<u32>>>().decode(&out), Ok(value));
    }

    #[test]
    fn malformed_json_and_trailing_bytes_are_refused() {
        assert!(json::<u32>().decode(b"{").unwrap_err().to_string().starts_with("json: "));
        assert!(json::<u32>().decode(b"1 2").is_err());
    }

    #[test]
    fn a_value_without_json_form_is_refused() {
        let value = BTreeMap::from([(vec![1_u8], 1_u8)]);
        assert!(json().encode(&value, &mut Vec::new()).is_err());
    }
}
