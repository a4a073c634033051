//! The change events of the five tables in the order in which they reach Kafka.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::WireRecord;
use super::database::{Database, ITEMS_MAX};
use super::template::{TABLES, Table};
use super::writer::Writer;

/// What to generate.
#[derive(Clone, Debug)]
pub struct OrdersConfig {
    /// Same seed, same records.
    pub seed: u64,
    /// Number of change events: snapshot rows and replays count, tombstones do not.
    pub events: u64,
    /// Time of the first event, milliseconds since 1970.
    pub start_ms: i64,
    /// Rate in event time; the records themselves come as fast as they are asked for.
    pub events_per_minute: u32,
    /// Customers in the snapshot at the start; at most a tenth of the events.
    pub customers: u64,
    /// Products in the snapshot at the start; at most a twentieth of the events.
    pub products: u64,
    /// `topic.prefix` of the connector.
    pub prefix: String,
    /// Schema of the tables.
    pub schema: String,
    /// Write the schema into every record (`schemas.enable`).
    pub schema_wrapper: bool,
    /// Of 1,000 change events, how many come once more later, as after a restart of the connector.
    pub replays_per_mille: u32,
    /// Of 1,000 transactions, how many hold back a topic for a while.
    pub delays_per_mille: u32,
    /// Of 1,000 transactions, how many are preceded by a row of an incremental snapshot.
    pub incremental_per_mille: u32,
}

/// Generates the records of an Oracle connector.
pub struct OrdersGenerator {
    config: OrdersConfig,
    rng: StdRng,
    database: Database,
    events: u64,
    transactions: u64,
    started: bool,
    lanes: [Lane; 5],
    replays: BTreeMap<(u64, u64), (Table, Vec<WireRecord>)>,
    ready: VecDeque<WireRecord>,
}

/// A topic on its way to Kafka: it may lag behind the others but keeps its order.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<WireRecord>,
    held_until: u64,
}

impl Default for OrdersConfig {
    /// The rates of the blueprint, 5,000 events a minute.
    fn default() -> OrdersConfig {
        OrdersConfig {
            seed: 1,
            events: 200_000,
            start_ms: 1_706_000_000_000,
            events_per_minute: 5_000,
            customers: 1_000,
            products: 500,
            prefix: "oracle-cdc".to_owned(),
            schema: "SALES".to_owned(),
            schema_wrapper: true,
            replays_per_mille: 5,
            delays_per_mille: 10,
            incremental_per_mille: 3,
        }
    }
}

impl OrdersGenerator {
    /// A generator at its beginning.
    pub fn new(config: OrdersConfig) -> OrdersGenerator {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let writer = Writer::new(&config.prefix, &config.schema, config.schema_wrapper);
        OrdersGenerator {
            database: Database::new(StdRng::from_rng(&mut rng), writer),
            rng,
            config,
            events: 0,
            transactions: 0,
            started: false,
            lanes: Default::default(),
            replays: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Generates until at least one record is ready; false when everything was generated.
    fn advance(&mut self) -> bool {
        if self.events >= self.config.events {
            for lane in &mut self.lanes {
                self.ready.append(&mut lane.waiting);
            }
            return false;
        }
        if !self.started {
            self.started = true;
            let customers = self.config.customers.min(self.config.events / 10).max(1);
            let products = self.config.products.min(self.config.events / 20).max(1);
            let rows = self.database.snapshot(customers, products, self.config.start_ms);
            // A run of one event has no room for the two snapshots.
            let room = usize::try_from(self.config.events).unwrap_or(usize::MAX);
            self.enqueue(rows.into_iter().take(room).collect());
        } else {
            self.transaction();
        }
        self.release();
        true
    }

    fn transaction(&mut self) {
        self.transactions += 1;
        let now_ms = self.now_ms();
        if self.chance(self.config.incremental_per_mille) && self.room() > 1 {
            let rows = self.database.incremental_read(now_ms);
            self.enqueue(rows);
        }
        if self.chance(self.config.delays_per_mille) {
            let lane = self.rng.random_range(0..self.lanes.len());
            self.lanes[lane].held_until = self.transactions + self.rng.random_range(1..400);
        }
        if let Some(entry) = self.replays.first_entry()
            && entry.key().0 <= self.transactions
        {
            let (table, records) = entry.remove();
            self.enqueue_replay(table, records);
            return;
        }
        // Near the end only single-row transactions still fit into the count.
        let largest = ITEMS_MAX as u64 + 1;
        let table = if self.room() > largest { self.draw_table() } else { Table::AuditLog };
        let records = self.database.transaction(table, now_ms);
        self.enqueue(records);
    }

    /// The rates of the blueprint. Orders bring their first items and take their last ones along, so fewer
    /// transactions begin with an item.
    fn draw_table(&mut self) -> Table {
        match self.rng.random_range(0..700) {
            0..400 => Table::Orders,
            400..500 => Table::OrderItems,
            500..600 => Table::Customers,
            600..680 => Table::Products,
            _ => Table::AuditLog,
        }
    }

    fn enqueue(&mut self, records: Vec<(Table, WireRecord)>) {
        let mut records = records.into_iter().peekable();
        while let Some((table, record)) = records.next() {
            let mut group = vec![record];
            while records.peek().is_some_and(|(_, next)| next.value.is_none()) {
                group.extend(records.next().map(|(_, tombstone)| tombstone));
            }
            self.events += 1;
            if self.chance(self.config.replays_per_mille) {
                let due = self.transactions + self.rng.random_range(1..2_000);
                self.replays.insert((due, self.events), (table, group.clone()));
            }
            self.lanes[table as usize].waiting.extend(group);
        }
    }

    fn enqueue_replay(&mut self, table: Table, records: Vec<WireRecord>) {
        self.events += 1;
        self.lanes[table as usize].waiting.extend(records);
    }

    fn release(&mut self) {
        for lane in &mut self.lanes {
            if lane.held_until <= self.transactions {
                self.ready.append(&mut lane.waiting);
            }
        }
    }

    fn room(&self) -> u64 {
        self.config.events.saturating_sub(self.events)
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1_000) < per_mille
    }

    fn now_ms(&self) -> i64 {
        let elapsed = u128::from(self.events) * 60_000 / u128::from(self.config.events_per_minute.max(1));
        self.config.start_ms.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}

impl Iterator for OrdersGenerator {
    type Item = WireRecord;

    fn next(&mut self) -> Option<WireRecord> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            if !self.advance() {
                return self.ready.pop_front();
            }
        }
    }
}

/// Names of the five topics under a prefix and schema.
pub fn orders_topics(prefix: &str, schema: &str) -> [String; 5] {
    TABLES.map(|table| format!("{prefix}.{schema}.{}", table.name()))
}
