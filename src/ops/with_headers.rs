//! A value and the headers of the record it came with, in one row of a store.

use std::sync::Arc;

use topo_state::{Codec, CodecError, CodecRef};

use super::suppress::{Reader, write_headers};
use crate::data::Data;
use crate::record::Headers;

/// A value that keeps the headers of its record beside it in a store; written by [`with_headers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithHeaders<V> {
    /// The value.
    pub value: V,
    /// The headers of the record that set it, or others.
    pub headers: Headers,
}

crate::data!(<V: Data> WithHeaders<V>);

/// A codec for values that keep headers, of any kind of store: key-value, windows, sessions, with a history. The headers are
/// part of the value's bytes, in the changelog too. Kafka Streams: `dsl.store.format=HEADERS` and the header stores
/// (KIP-1271), whose changelogs carry them as headers of the records: the two cannot go on with each other's stores of this kind.
///
/// ```
/// # use topo::{Builder, KeyValue, Topic, WithHeaders, state::{i64_be, utf8}, testkit::Driver, with_headers};
/// # let app = Builder::new("doc");
/// # let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
/// let last = app.store(KeyValue::new("last", utf8(), with_headers(i64_be())));
/// app.stream("orders", &orders).transform_values("remember", last, move |order, ctx| {
///     let row = WithHeaders { value: order.value, headers: order.headers.clone() };
///     ctx.store(last)?.put(&order.key, row, order.timestamp)?;
///     Ok(order.value)
/// });
/// let mut driver = Driver::new(app.build()?)?;
/// driver.pipe(&orders, "ann".to_owned(), 7, 0)?;
/// let row = driver.value::<String, WithHeaders<i64>>("last", &"ann".to_owned())?;
/// assert_eq!(row.map(|row| row.value), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn with_headers<V: Data>(value: CodecRef<V>) -> CodecRef<WithHeaders<V>> {
    called("with-headers", value)
}

/// The same under another name: what a store is recorded as must not change.
pub(super) fn called<V: Data>(name: &str, value: CodecRef<V>) -> CodecRef<WithHeaders<V>> {
    let id = format!("{name}({})", value.id());
    Arc::new(HeadersCodec { value, id })
}

struct HeadersCodec<V> {
    value: CodecRef<V>,
    id: String,
}

impl<V: Data> Codec<WithHeaders<V>> for HeadersCodec<V> {
    fn encode(&self, row: &WithHeaders<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        write_headers(&row.headers, out);
        self.value.encode(&row.value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<WithHeaders<V>, CodecError> {
        let mut reader = Reader::new(bytes, &self.id);
        let headers = reader.headers()?;
        Ok(WithHeaders { value: self.value.decode(reader.rest)?, headers })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use topo_state::utf8;

    use super::*;

    #[test]
    fn a_value_survives_its_bytes_with_all_headers() {
        let mut headers = Headers::new();
        headers.push_text("name", "value");
        headers.push("name", None::<Vec<u8>>);
        let codec = with_headers(utf8());
        assert_eq!(codec.id(), "with-headers(utf8)");
        for row in [
            WithHeaders { value: "v".to_owned(), headers },
            WithHeaders { value: String::new(), headers: Headers::new() },
        ] {
            let mut bytes = Vec::new();
            codec.encode(&row, &mut bytes).unwrap();
            assert_eq!(codec.decode(&bytes).unwrap(), row);
        }
        assert!(codec.decode(&[0, 0]).is_err());
    }
}
