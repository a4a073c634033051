//! Topics read from the beginning to where they end now.

use crate::broker::{
    Assignment, Broker, BrokerError, Consumer, ConsumerConfig, Fetched, Isolation, StartOffset,
};
use crate::record::{Partition, RawRecord};
use std::time::{Duration, Instant};

/// How long a broker may say "not now", and a read may stand still.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reader for tools; with a group it can be asked for that group's offsets.
pub(crate) fn reader(broker: &dyn Broker, group: Option<&str>) -> Result<Box<dyn Consumer>, BrokerError> {
    broker.consumer(&ConsumerConfig {
        client_id: "topo-tool".to_owned(),
        group: group.map(str::to_owned),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 16 << 20,
    })
}

/// Asks again while the broker says "not now".
pub(crate) fn patiently<T>(mut ask: impl FnMut() -> Result<T, BrokerError>) -> Result<T, BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(BrokerError::Retriable(_)) if Instant::now() < deadline => {}
            answer => return answer,
        }
    }
}

/// Shows every committed record of a partition with its offset, up to where it ends now.
pub(crate) fn read(
    broker: &dyn Broker,
    partition: &Partition,
    visit: &mut dyn FnMut(i64, RawRecord),
) -> Result<(), BrokerError> {
    let mut reader = reader(broker, None)?;
    let marks = patiently(|| reader.watermarks(partition))?;
    let end = marks.high;
    if end <= marks.low {
        return Ok(());
    }
    reader.assign(&[Assignment {
        partition: partition.clone(),
        start: StartOffset::At(marks.low),
        slot: 0,
    }])?;
    let mut moved = Instant::now();
    let mut fetched: Vec<Fetched> = Vec::new();
    while reader.position(partition)?.is_none_or(|position| position < end) {
        reader.poll(2_000, Duration::from_millis(50), &mut fetched)?;
        if !fetched.is_empty() {
            moved = Instant::now();
        } else if moved.elapsed() > PATIENCE {
            let doing = format!("reading {partition} up to offset {end}: nothing came for {PATIENCE:?}");
            return Err(BrokerError::Retriable(doing));
        }
        fetched.drain(..).filter(|it| it.offset < end).for_each(|it| visit(it.offset, it.record));
    }
    Ok(())
}
