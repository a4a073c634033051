//! The partitions of a reader, and how a message becomes a record of one of them.

use bytes::Bytes;
use rdkafka::Offset;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::broker::Fetched;
use crate::broker::block::Blocks;
use crate::record::{Header, Headers, Partition, RawRecord};

/// All partitions of one reader.
#[derive(Default)]
pub(super) struct Assigned {
    pub(super) readings: Vec<Reading>,
    /// Index of the partition that the last record came from: records come in runs.
    recent: usize,
    blocks: Blocks,
}

/// One assigned partition.
pub(super) struct Reading {
    pub(super) partition: Partition,
    pub(super) slot: usize,
    /// Where reading began.
    pub(super) begins: Offset,
    /// Where reading goes on, as far as records or the beginning tell.
    pub(super) next: Option<i64>,
    pub(super) paused: bool,
}

impl Assigned {
    /// Copies a message; `None` for a leftover of a partition that was given away.
    pub(super) fn copy(&mut self, message: &BorrowedMessage<'_>) -> Option<Fetched> {
        let index = self.find(message.topic(), message.partition())?;
        let record = RawRecord {
            key: message.key().map(|bytes| self.blocks.copy(bytes)),
            value: message.payload().map(|bytes| self.blocks.copy(bytes)),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            headers: headers_of(message),
        };
        let reading = &mut self.readings[index];
        reading.next = Some(message.offset() + 1);
        Some(Fetched { slot: reading.slot, offset: message.offset(), record })
    }

    fn find(&mut self, topic: &str, number: i32) -> Option<usize> {
        let is_it =
            |reading: &Reading| reading.partition.number == number && *reading.partition.topic == *topic;
        if !self.readings.get(self.recent).is_some_and(is_it) {
            self.recent = self.readings.iter().position(is_it)?;
        }
        Some(self.recent)
    }
}

fn headers_of(message: &BorrowedMessage<'_>) -> Headers {
    let Some(headers) = message.headers() else { return Headers::new() };
    let own = |header: rdkafka::message::Header<'_, &[u8]>| Header {
        name: header.key.to_owned(),
        value: header.value.map(Bytes::copy_from_slice),
    };
    headers.iter().map(own).collect()
}
