//! What the topology `velocity` must have answered for every payment.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::currency::exponent;
use super::{Counts, ExpectedDeadLetter};
use crate::decimal::Decimal;
use crate::generate::WireRecord;
use crate::time::millis_from_text;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// The settings of the topology that change its result.
#[derive(Clone, Debug)]
pub struct PaymentsModelConfig {
    /// How long after its time a payment is still answered from complete state, milliseconds.
    pub grace_ms: i64,
}

/// The answer to one payment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedVerdict {
    /// The value in `velocity.verdicts`.
    pub value: Value,
    /// False when payments of one of its accounts came through several input partitions: then other orders,
    /// and other counts, are right too.
    pub determined: bool,
}

/// A payment that was read.
#[derive(Clone, Debug)]
struct Payment {
    id: String,
    timestamp: String,
    at_ms: i64,
    amount: Decimal,
    minor: i128,
    currency: String,
    debtor: String,
    creditor: String,
}

/// One row of an account's history.
#[derive(Clone, Debug)]
struct Entry {
    at_ms: i64,
    currency: String,
    minor: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Outgoing,
    Incoming,
}

/// Every payment so far, by account.
#[derive(Debug)]
pub struct PaymentsModel {
    config: PaymentsModelConfig,
    history: BTreeMap<(Role, String), Vec<Entry>>,
    partitions_of: BTreeMap<(Role, String), BTreeSet<i32>>,
    stream_time: BTreeMap<i32, i64>,
    seen: BTreeMap<String, i64>,
    verdicts: BTreeMap<String, (Value, [(Role, String); 2])>,
    dead_letters: Vec<ExpectedDeadLetter>,
    counts: Counts,
}

#[derive(Deserialize)]
struct PaymentText<'a> {
    #[serde(borrow, rename = "transactionId")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    amount: &'a RawValue,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow, rename = "debtorAccount")]
    debtor: Cow<'a, str>,
    #[serde(borrow, rename = "creditorAccount")]
    creditor: Cow<'a, str>,
}

impl Default for PaymentsModelConfig {
    /// One hour of grace.
    fn default() -> PaymentsModelConfig {
        PaymentsModelConfig { grace_ms: 3_600_000 }
    }
}

impl PaymentsModel {
    /// A model that has seen nothing.
    pub fn new(config: PaymentsModelConfig) -> PaymentsModel {
        PaymentsModel {
            config,
            history: BTreeMap::new(),
            partitions_of: BTreeMap::new(),
            stream_time: BTreeMap::new(),
            seen: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            dead_letters: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Takes the next record of a partition. Records of one partition must come in the order of their offsets.
    pub fn apply(&mut self, topic: &str, partition: i32, offset: i64, record: &WireRecord) {
        let Some(payment) = record.value.as_deref().and_then(Payment::read) else {
            self.counts.dead += 1;
            let letter = ExpectedDeadLetter { topic: topic.to_owned(), partition, offset, error_type: None };
            self.dead_letters.push(letter);
            return;
        };
        let stream_time = self.stream_time.entry(partition).or_insert(payment.at_ms);
        *stream_time = payment.at_ms.max(*stream_time);
        let stream_time = *stream_time;
        let kept_from = stream_time - DAY_MS - self.config.grace_ms;
        if self.seen.get(&payment.id).is_some_and(|first_ms| *first_ms >= kept_from) {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.applied += 1;
        self.seen.insert(payment.id.clone(), payment.at_ms);
        let accounts = [(Role::Outgoing, payment.debtor.clone()), (Role::Incoming, payment.creditor.clone())];
        for account in &accounts {
            let entry =
                Entry { at_ms: payment.at_ms, currency: payment.currency.clone(), minor: payment.minor };
            self.history.entry(account.clone()).or_default().push(entry);
            self.partitions_of.entry(account.clone()).or_default().insert(partition);
        }
        let late = stream_time - payment.at_ms > self.config.grace_ms;
        let value = self.verdict(&payment, &accounts, kept_from, late);
        self.verdicts.insert(payment.id, (value, accounts));
    }

    fn verdict(
        &self,
        payment: &Payment,
        accounts: &[(Role, String); 2],
        kept_from: i64,
        late: bool,
    ) -> Value {
        let [outgoing, incoming] = accounts;
        let mut rules = vec![
            self.counted("901", outgoing, payment.at_ms, DAY_MS, kept_from),
            self.counted("902", incoming, payment.at_ms, DAY_MS, kept_from),
        ];
        if payment.currency == "IDR" {
            rules.push(large_amount(payment));
        }
        rules.push(self.counted("904", outgoing, payment.at_ms, MINUTE_MS, kept_from));
        let mut value = json!({
            "transactionId": payment.id,
            "debtorAccount": payment.debtor,
            "creditorAccount": payment.creditor,
            "timestamp": payment.timestamp,
            "verdicts": rules,
        });
        if late {
            value["late"] = Value::Bool(true);
        }
        value
    }

    /// Counts the rows of an account in [at - window, at], both ends inclusive, the payment's own among them.
    fn counted(
        &self,
        rule: &str,
        account: &(Role, String),
        at_ms: i64,
        window_ms: i64,
        kept_from: i64,
    ) -> Value {
        let rows = self.history.get(account).map(Vec::as_slice).unwrap_or_default();
        // The payment itself is always counted, however late it is.
        let (own, earlier) = rows.split_last().map_or((None, rows), |(own, earlier)| (Some(own), earlier));
        let inside =
            |row: &&Entry| row.at_ms <= at_ms && at_ms - row.at_ms <= window_ms && row.at_ms >= kept_from;
        let (mut count, mut sums) = (0_u64, BTreeMap::<&str, i128>::new());
        for row in earlier.iter().filter(inside).chain(own) {
            count += 1;
            *sums.entry(&row.currency).or_default() += row.minor;
        }
        let band = match (rule, count) {
            ("904", 0..2) | ("901" | "902", 0..2) => ".01",
            ("904", 2..4) | ("901" | "902", 2) => ".02",
            ("904", 4..6) | ("901" | "902", _) => ".03",
            _ => ".04",
        };
        rule_json(rule, band, &json!(count), window_ms, &sums)
    }

    /// The verdict per transactionId.
    pub fn expected_verdicts(&self) -> BTreeMap<String, ExpectedVerdict> {
        let determined = |accounts: &[(Role, String); 2]| {
            accounts.iter().all(|account| self.partitions_of.get(account).is_none_or(|set| set.len() == 1))
        };
        self.verdicts
            .iter()
            .map(|(id, (value, accounts))| {
                (id.clone(), ExpectedVerdict { value: value.clone(), determined: determined(accounts) })
            })
            .collect()
    }

    /// The records that must be in the dead letter topic, in the order they came.
    pub fn expected_dead_letters(&self) -> &[ExpectedDeadLetter] {
        &self.dead_letters
    }

    /// How many records had which effect.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Payment {
    /// Reads a payment; `None` is a dead letter.
    fn read(bytes: &[u8]) -> Option<Payment> {
        let text: PaymentText<'_> = serde_json::from_slice(bytes).ok()?;
        let amount = text.amount.get();
        let amount: Decimal = match serde_json::from_str::<Value>(amount).ok()? {
            Value::String(text) => text.parse().ok()?,
            Value::Number(_) => amount.parse().ok()?,
            _ => return None,
        };
        let minor = amount.rescale_exact(exponent(&text.currency)?)?.unscaled();
        if minor <= 0 || i64::try_from(minor).is_err() {
            return None;
        }
        Some(Payment {
            at_ms: millis_from_text(&text.timestamp).ok()?,
            id: text.id.into_owned(),
            timestamp: text.timestamp.into_owned(),
            amount,
            minor,
            currency: text.currency.into_owned(),
            debtor: text.debtor.into_owned(),
            creditor: text.creditor.into_owned(),
        })
    }
}

/// Rule 903: the amount itself, in whole units.
fn large_amount(payment: &Payment) -> Value {
    let million = |millions: i64| Decimal::from(millions * 1_000_000);
    let band = match payment.amount {
        amount if amount < million(1) => ".01",
        amount if amount < million(5) => ".02",
        amount if amount < million(10) => ".03",
        _ => ".04",
    };
    let amount = match payment.amount.to_i64() {
        Some(whole) => json!(whole),
        // A fraction keeps its digits: the JSON number is read from the decimal text.
        None => serde_json::from_str(&payment.amount.to_string()).unwrap_or(Value::Null),
    };
    rule_json("903", band, &amount, 0, &BTreeMap::from([(payment.currency.as_str(), payment.minor)]))
}

fn rule_json(rule: &str, band: &str, variable: &Value, window_ms: i64, sums: &BTreeMap<&str, i128>) -> Value {
    let sum = |minor: &i128| serde_json::Number::from_i128(*minor).map_or(Value::Null, Value::Number);
    let sums: Map<String, Value> =
        sums.iter().map(|(currency, minor)| ((*currency).to_owned(), sum(minor))).collect();
    json!({
        "id": format!("{rule}@1.0.0"),
        "cfg": "1.0.0",
        "subRuleRef": band,
        "indpdntVarbl": variable,
        "windowMs": window_ms,
        "sumMinor": sums,
    })
}
