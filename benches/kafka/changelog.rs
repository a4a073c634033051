//! A changelog as a large count leaves it, for the restore to read.

use topo::broker::{Broker, BrokerError};

use crate::load::{Load, Random, START_MS};

/// Creates the changelog `topic` and fills it with `records` counts of keys drawn at random from as many.
pub(crate) fn fill(broker: &dyn Broker, topic: &str, records: u64) -> Result<(), BrokerError> {
    let mut log = Load::open(broker)?;
    log.create_with(topic, &[("cleanup.policy", "compact"), ("message.timestamp.type", "CreateTime")])?;
    let mut random = Random(7);
    for nth in 0..records {
        let key = format!("{:08}", random.next() % records);
        log.write(topic, key.as_bytes(), &nth.to_be_bytes(), START_MS)?;
    }
    log.settle()
}
