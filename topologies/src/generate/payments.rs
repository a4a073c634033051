//! Payments in the input form of the Tazama integration.

use std::collections::VecDeque;
use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use topo::partition_of;

use super::WireRecord;
use crate::time::rfc3339_from_millis;

/// How many recent payments a duplicate is drawn from.
const RECENT_MAX: usize = 512;

/// What to generate.
#[derive(Clone, Debug)]
pub struct PaymentsConfig {
    /// Same seed, same records.
    pub seed: u64,
    /// Number of records, duplicates included.
    pub events: u64,
    /// Time of the first payment, milliseconds since 1970.
    pub start_ms: i64,
    /// Rate in event time.
    pub per_minute: u32,
    /// Topic to write to.
    pub topic: String,
    /// Number of accounts.
    pub accounts: u64,
    /// Of 1,000 records, how many repeat an earlier transactionId.
    pub duplicates_per_mille: u32,
    /// Of 1,000 payments, how many carry a timestamp up to 30 minutes back.
    pub out_of_order_per_mille: u32,
    /// Of 1,000 payments, how many carry a timestamp two to five hours back.
    pub late_per_mille: u32,
    /// Of 1,000 payments, how many are in another currency than IDR.
    pub other_currency_per_mille: u32,
    /// Of 1,000 payments, how many are of the one busy account.
    pub busy_account_per_mille: u32,
    /// With a number: both accounts of a payment hash to the same one of so many partitions, so that the
    /// order of the payments of an account, and with it every verdict, is determined.
    pub partitions: Option<i32>,
}

/// Generates payments, keyed by the debtor's account.
pub struct PaymentsGenerator {
    config: PaymentsConfig,
    rng: StdRng,
    made: u64,
    recent: VecDeque<WireRecord>,
    /// Accounts by partition, or all in one group.
    groups: Vec<Vec<String>>,
}

impl Default for PaymentsConfig {
    /// 600 payments a minute among 2,000 accounts.
    fn default() -> PaymentsConfig {
        PaymentsConfig {
            seed: 1,
            events: 50_000,
            start_ms: 1_770_000_000_000,
            per_minute: 600,
            topic: "transactions".to_owned(),
            accounts: 2_000,
            duplicates_per_mille: 10,
            out_of_order_per_mille: 20,
            late_per_mille: 2,
            other_currency_per_mille: 100,
            busy_account_per_mille: 20,
            partitions: None,
        }
    }
}

impl PaymentsGenerator {
    /// A generator at its beginning.
    pub fn new(config: PaymentsConfig) -> PaymentsGenerator {
        let partitions = config.partitions.unwrap_or(1).max(1);
        let mut groups: Vec<Vec<String>> = (0..partitions).map(|_| Vec::new()).collect();
        for number in 0..config.accounts.max(2) {
            let account = format!("{:010}", 1_234_567_890 + number * 7);
            let group = partition_of(account.as_bytes(), partitions);
            if let Some(group) = usize::try_from(group).ok().and_then(|group| groups.get_mut(group)) {
                group.push(account);
            }
        }
        groups.retain(|accounts| !accounts.is_empty());
        PaymentsGenerator {
            rng: StdRng::seed_from_u64(config.seed),
            config,
            made: 0,
            recent: VecDeque::new(),
            groups,
        }
    }

    fn payment(&mut self) -> WireRecord {
        let now_ms = self.now_ms();
        let (debtor, creditor) = self.accounts();
        let value = self.value(&debtor, &creditor, now_ms);
        WireRecord {
            topic: self.config.topic.clone(),
            key: Some(debtor.into_bytes()),
            value: Some(value.into_bytes()),
            timestamp_ms: now_ms,
            headers: Vec::new(),
        }
    }

    fn accounts(&mut self) -> (String, String) {
        let busy = self.chance(self.config.busy_account_per_mille);
        let group = if busy { 0 } else { self.rng.random_range(0..self.groups.len()) };
        let accounts = &self.groups[group];
        let debtor = if busy { 0 } else { self.rng.random_range(0..accounts.len()) };
        let creditor = (debtor + self.rng.random_range(1..accounts.len().max(2))) % accounts.len();
        (accounts[debtor].clone(), accounts[creditor].clone())
    }

    fn value(&mut self, debtor: &str, creditor: &str, now_ms: i64) -> String {
        let number = self.made;
        let timestamp = self.timestamp(now_ms);
        let (amount, currency) = self.amount();
        let mut value = String::with_capacity(400);
        let _ = write!(value, r#"{{"transactionId":"TXN-{number:09}","referenceId":"REF-{number:09}","#);
        let _ = write!(value, r#""timestamp":"{timestamp}","amount":{amount},"currency":"{currency}","#);
        let _ =
            write!(value, r#""debtorName":"John Doe","debtorAccount":"{debtor}","debtorBank":"BANK001","#);
        let _ = write!(value, r#""creditorName":"Jane Smith","creditorAccount":"{creditor}","#);
        value.push_str(r#""creditorBank":"BANK002","transactionType":"TRANSFER"}"#);
        value
    }

    /// A JSON number or decimal text, and its currency.
    fn amount(&mut self) -> (String, &'static str) {
        if self.chance(self.config.other_currency_per_mille) {
            let cents = self.rng.random_range(1..5_000_000);
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            return match self.rng.random_range(0..3) {
                0 => (format!("\"{text}\""), "USD"),
                1 => (text, "USD"),
                _ => ((cents / 100 + 1).to_string(), "JPY"),
            };
        }
        let thousands: i64 = match self.rng.random_range(0..10) {
            0..6 => self.rng.random_range(1..1_000),
            6..8 => self.rng.random_range(1_000..5_001),
            8 => self.rng.random_range(5_000..10_001),
            _ => self.rng.random_range(10_000..100_000),
        };
        match self.rng.random_range(0..10) {
            0 => (format!("\"{thousands}000.50\""), "IDR"),
            1 => (format!("{thousands}000.00"), "IDR"),
            _ => (format!("{thousands}000"), "IDR"),
        }
    }

    fn timestamp(&mut self, now_ms: i64) -> String {
        let back_ms = if self.chance(self.config.late_per_mille) {
            self.rng.random_range(7_200_000..18_000_000)
        } else if self.chance(self.config.out_of_order_per_mille) {
            self.rng.random_range(1..1_800_000)
        } else {
            0
        };
        let at_ms = now_ms - back_ms;
        if self.rng.random_range(0..10) == 0
            && let Ok(local) = rfc3339_from_millis(at_ms + 25_200_000)
        {
            return local.replace('Z', "+07:00");
        }
        rfc3339_from_millis(at_ms).unwrap_or_default()
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.random_range(0..1_000) < per_mille
    }

    fn now_ms(&self) -> i64 {
        let elapsed = u128::from(self.made) * 60_000 / u128::from(self.config.per_minute.max(1));
        self.config.start_ms.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}

impl Iterator for PaymentsGenerator {
    type Item = WireRecord;

    fn next(&mut self) -> Option<WireRecord> {
        if self.made >= self.config.events {
            return None;
        }
        self.made += 1;
        if !self.recent.is_empty() && self.chance(self.config.duplicates_per_mille) {
            let place = self.rng.random_range(0..self.recent.len());
            let mut again = self.recent.get(place).cloned()?;
            again.timestamp_ms = self.now_ms();
            return Some(again);
        }
        let record = self.payment();
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record.clone());
        Some(record)
    }
}
