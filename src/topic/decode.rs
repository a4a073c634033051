//! Bytes become types.

use topo_state::{CodecError, CodecRef};

use crate::data::Data;
use crate::fault::Fault;
use crate::record::{RawRecord, Record};

/// Decodes a record. What cannot be read, and a null of a type that has none, is poison.
pub(crate) fn decoded<K: Data, V: Data>(
    record: RawRecord,
    key: &CodecRef<K::Present>,
    value: &CodecRef<V::Present>,
) -> Result<Record<K, V>, Fault> {
    Ok(Record {
        key: decode::<K>(record.key.as_deref(), key, Part::Key)?,
        value: decode::<V>(record.value.as_deref(), value, Part::Value)?,
        timestamp: record.timestamp,
        headers: record.headers,
    })
}

#[derive(Clone, Copy)]
enum Part {
    Key,
    Value,
}

fn decode<D: Data>(bytes: Option<&[u8]>, codec: &CodecRef<D::Present>, part: Part) -> Result<D, Fault> {
    let present = match bytes {
        Some(bytes) => Some(codec.decode(bytes).map_err(|error| unreadable(&error, part))?),
        None => None,
    };
    D::from_present(present).ok_or_else(|| match part {
        Part::Key => Fault::poison("NULL_KEY", "the key is null, but this topic's keys may not be"),
        Part::Value => Fault::poison("NULL_VALUE", "the value is null, but this topic's values may not be"),
    })
}

fn unreadable(error: &CodecError, part: Part) -> Fault {
    let (name, kind) = match part {
        Part::Key => ("key", "MALFORMED_KEY"),
        Part::Value if error.codec() == "json" => ("value", "MALFORMED_JSON"),
        Part::Value => ("value", "MALFORMED_VALUE"),
    };
    Fault::poison(kind, format!("the {name} cannot be read: {error}"))
}
