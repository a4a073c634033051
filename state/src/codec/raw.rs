//! Text and raw bytes: the encoded form is the value itself.

use std::sync::Arc;

use super::{Codec, CodecError, CodecRef};

struct Utf8;
struct Bytes;

/// UTF-8 text, as Kafka's `StringSerializer` writes it.
pub fn utf8() -> CodecRef<String> {
    Arc::new(Utf8)
}

/// Bytes as they are.
pub fn bytes() -> CodecRef<Vec<u8>> {
    Arc::new(Bytes)
}

impl Codec<String> for Utf8 {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(CodecError::new(self.id(), bytes.len(), error)),
        }
    }

    fn id(&self) -> &'static str {
        "utf8"
    }
}

impl Codec<Vec<u8>> for Bytes {
    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }

    fn id(&self) -> &'static str {
        "bytes"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_says_where_and_how_long() {
        let error = utf8().decode(&[b'a', 0xff, b'c']).unwrap_err();
        assert_eq!(error.codec(), "utf8");
        let message = error.to_string();
        assert!(message.contains("index 1") && message.contains("3 bytes"), "{message}");
    }

    #[test]
    fn encoding_appends_and_keeps_what_was_there() {
        let mut out = vec![1];
        bytes().encode(&vec![2, 3], &mut out).unwrap();
        utf8().encode(&"x".to_owned(), &mut out).unwrap();
        assert_eq!(out, [1, 2, 3, b'x']);
    }
}
