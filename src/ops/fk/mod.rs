//! The foreign-key join of two tables: rows subscribe to the row they refer to.
//!
//! ```text
//! left table -> Registration -> (topic) -> Receive -> JoinForeign ------> (topic) -> Resolver -> Answered -> result
//!                                             |                       ^                 |
//!                                       subscriptions                 |            left rows
//!                                             |                       |
//!                            right table -> ForeignChange ------------+
//! ```
//!
//! The left and middle parts run in different tasks, so an answer may be overtaken by a newer left row. Each subscription
//! therefore carries a hash of its left row, each answer carries it back, and the resolver takes only the answers that
//! were asked for by the row it has now.

mod foreign_change;
mod hash;
mod join_foreign;
mod receive;
mod registration;
mod resolver;
mod wire;

pub(crate) use foreign_change::ForeignChange;
pub(crate) use join_foreign::JoinForeign;
pub(crate) use receive::Receive;
pub(crate) use registration::Registration;
pub(crate) use resolver::{Answered, Resolver};
pub(crate) use wire::{Response, Subscription, response_codec, subscription_codec};

use topo_state::{CodecRef, KeyValueStore};

use crate::fault::Fault;

/// Who subscribed to which foreign key: rows by foreign key, then left key, so that one prefix finds all of a foreign key.
pub(crate) type Subscriptions<K> = KeyValueStore<Vec<u8>, Subscription<K>>;

/// The part of a subscription's key that all subscriptions to a foreign key share: its length in 4 bytes, its bytes.
pub(crate) fn prefix<FK: 'static>(foreign: &FK, codec: &CodecRef<FK>) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; 4];
    encode(foreign, codec, &mut bytes)?;
    let length = u32::try_from(bytes.len() - 4)
        .map_err(|_| Fault::poison("UNWRITABLE", "a foreign key is longer than 4 GiB"))?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

pub(crate) fn encode<T: 'static>(datum: &T, codec: &CodecRef<T>, out: &mut Vec<u8>) -> Result<(), Fault> {
    codec
        .encode(datum, out)
        .map_err(|error| Fault::poison("UNWRITABLE", format!("a joined row cannot be written: {error}")))
}
