//! Fixed-width numbers, big endian, as Kafka's Java serializers write them.
//!
//! Signed numbers are two's complement: in byte order, and so in a scan, negative ones come after positive ones.

use std::sync::Arc;

use super::{Codec, CodecError, CodecRef};

/// One number type: its constructor, its codec, its id.
macro_rules! number {
    ($name:ident, $codec:ident, $type:ty, $id:literal, $doc:literal) => {
        #[doc = $doc]
        pub fn $name() -> CodecRef<$type> {
            Arc::new($codec)
        }

        struct $codec;

        impl Codec<$type> for $codec {
            fn encode(&self, value: &$type, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }

            fn decode(&self, bytes: &[u8]) -> Result<$type, CodecError> {
                match bytes.try_into() {
                    Ok(array) => Ok(<$type>::from_be_bytes(array)),
                    Err(_) => Err(wrong_length($id, size_of::<$type>(), bytes.len())),
                }
            }

            fn id(&self) -> &'static str {
                $id
            }
        }
    };
}

number!(i64_be, I64, i64, "i64-be", "Eight bytes, as Kafka's `LongSerializer`.");
number!(i32_be, I32, i32, "i32-be", "Four bytes, as Kafka's `IntegerSerializer`.");
number!(u64_be, U64, u64, "u64-be", "Eight bytes without sign; byte order is numeric order.");
number!(f64_be, F64, f64, "f64-be", "Eight bytes IEEE 754, as Kafka's `DoubleSerializer`.");

fn wrong_length(codec: &str, expected: usize, found: usize) -> CodecError {
    CodecError::new(codec, found, format_args!("expected {expected} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_bytes_of_the_java_serializers() {
        let mut out = Vec::new();
        i64_be().encode(&-2, &mut out).unwrap();
        i32_be().encode(&258, &mut out).unwrap();
        f64_be().encode(&1.0, &mut out).unwrap();
        assert_eq!(out[..8], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(out[8..12], [0, 0, 1, 2]);
        assert_eq!(out[12..], [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(i64_be().decode(&out[..8]), Ok(-2));
        assert_eq!(u64_be().decode(&out[..8]), Ok(u64::MAX - 1));
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let error = i64_be().decode(&[0; 7]).unwrap_err().to_string();
        assert_eq!(error, "i64-be: expected 8 bytes (7 bytes)");
    }
}
