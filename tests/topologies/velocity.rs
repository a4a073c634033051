//! `velocity` through the driver: the sentences of the contract, then made-up payments against the model.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use topo::testkit::Driver;
use topo::{Headers, RawRecord};
use topologies::generate::{PaymentsConfig, PaymentsGenerator, WireRecord};
use topologies::model::{PaymentsModel, PaymentsModelConfig};
use topologies::tazama::{self, SETTLE_MS, VelocityConfig};
use topologies::time::rfc3339_from_millis;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2026-02-06T00:00:00Z.
const BEGIN: i64 = 1_770_336_000_000;

fn driver() -> Driver {
    Driver::new(tazama::topology(&VelocityConfig::default()).unwrap()).unwrap()
}

fn payment(id: &str, debtor: &str, creditor: &str, time: i64) -> Value {
    json!({"transactionId": id, "timestamp": rfc3339_from_millis(time).unwrap(), "amount": 1000, "currency": "IDR",
        "debtorAccount": debtor, "creditorAccount": creditor})
}

fn raw(key: Option<&str>, value: Option<String>) -> RawRecord {
    let bytes = |text: &str| bytes::Bytes::copy_from_slice(text.as_bytes());
    RawRecord {
        key: key.map(bytes),
        value: value.as_deref().map(bytes),
        timestamp: BEGIN,
        headers: Headers::new(),
    }
}

fn pay(driver: &mut Driver, payment: &Value) -> Vec<Value> {
    driver.pipe_raw("transactions", raw(None, Some(payment.to_string()))).unwrap();
    verdicts(driver)
}

fn verdicts(driver: &mut Driver) -> Vec<Value> {
    let records = driver.read_raw("velocity.verdicts");
    records.iter().map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap()).collect()
}

/// Counts of 901, 902 and 904.
fn counts(verdict: &Value) -> [i64; 3] {
    [0, 1, 3].map(|rule| verdict["verdicts"][rule]["indpdntVarbl"].as_i64().unwrap())
}

fn counted(driver: &mut Driver, id: &str, debtor: &str, creditor: &str, time: i64) -> [i64; 3] {
    let verdicts = pay(driver, &payment(id, debtor, creditor, time));
    assert_eq!(1, verdicts.len(), "{id}");
    counts(&verdicts[0])
}

#[test]
fn both_ends_of_a_window_belong_to_it_and_the_own_row_is_counted() {
    let mut driver = driver();
    assert_eq!([1, 1, 1], counted(&mut driver, "a", "D", "C", BEGIN));
    assert_eq!([2, 1, 2], counted(&mut driver, "b", "D", "X", BEGIN + 60_000));
    assert_eq!([3, 2, 2], counted(&mut driver, "c", "D", "C", BEGIN + 60_001));
    assert_eq!([4, 3, 1], counted(&mut driver, "d", "D", "C", BEGIN + DAY));
    assert_eq!([4, 3, 2], counted(&mut driver, "e", "D", "C", BEGIN + DAY + 1));
}

#[test]
fn only_rows_up_to_the_payments_own_time_count_and_later_ones_never_revise() {
    let mut driver = driver();
    assert_eq!([1, 1, 1], counted(&mut driver, "a", "D", "C", BEGIN + 10));
    assert_eq!([1, 1, 1], counted(&mut driver, "b", "D", "C", BEGIN));
    assert_eq!([2, 2, 2], counted(&mut driver, "c", "D", "C", BEGIN + 5));
    assert_eq!([4, 4, 4], counted(&mut driver, "d", "D", "C", BEGIN + 10));
}

#[test]
fn an_account_that_pays_itself_counts_on_both_sides() {
    let mut driver = driver();
    assert_eq!([1, 1, 1], counted(&mut driver, "a", "A", "A", BEGIN));
    assert_eq!([2, 2, 2], counted(&mut driver, "b", "A", "A", BEGIN));
}

#[test]
fn the_first_record_of_a_transaction_wins_over_all_accounts_and_the_second_is_never_counted() {
    let mut driver = driver();
    counted(&mut driver, "a", "D", "C", BEGIN);
    let dropped = driver.dropped();
    assert!(pay(&mut driver, &payment("a", "OTHER", "C", BEGIN)).is_empty());
    assert_eq!(dropped + 1, driver.dropped());
    assert_eq!([1, 2, 1], counted(&mut driver, "b", "OTHER", "C", BEGIN));
}

#[test]
fn a_transaction_is_known_for_window_and_grace_and_not_longer() {
    let mut driver = driver();
    counted(&mut driver, "a", "D", "C", BEGIN);
    counted(&mut driver, "end", "X", "Y", BEGIN + DAY + HOUR);
    assert!(pay(&mut driver, &payment("a", "D", "C", BEGIN + DAY)).is_empty());
    counted(&mut driver, "beyond", "X", "Y", BEGIN + DAY + HOUR + 1);
    assert_eq!(1, pay(&mut driver, &payment("a", "D", "C", BEGIN + DAY)).len());
}

#[test]
fn a_payment_is_late_when_it_is_older_than_stream_time_by_more_than_the_grace() {
    let mut driver = driver();
    counted(&mut driver, "a", "D", "C", BEGIN + HOUR);
    assert_eq!(None, pay(&mut driver, &payment("b", "D", "C", BEGIN))[0].get("late"));
    assert_eq!(json!(true), pay(&mut driver, &payment("c", "D", "C", BEGIN - 1))[0]["late"]);
    let ancient = pay(&mut driver, &payment("d", "D", "C", BEGIN - 3 * DAY));
    assert_eq!((json!(true), [1, 1, 1]), (ancient[0]["late"].clone(), counts(&ancient[0])));
}

#[test]
fn sums_are_kept_per_currency() {
    let mut driver = driver();
    let mut dollars = payment("a", "D", "C", BEGIN);
    dollars["currency"] = json!("USD");
    dollars["amount"] = json!("12.34");
    pay(&mut driver, &dollars);
    let verdict = &pay(&mut driver, &payment("b", "D", "C", BEGIN))[0];
    assert_eq!(json!({"IDR": 100_000, "USD": 1234}), verdict["verdicts"][0]["sumMinor"]);
    assert_eq!(json!({"IDR": 100_000}), verdict["verdicts"][2]["sumMinor"]);
}

#[test]
fn what_is_no_payment_is_a_dead_letter_and_a_tombstone_is_neither() {
    let mut driver = driver();
    let mut negative = payment("a", "D", "C", BEGIN);
    negative["amount"] = json!(-1);
    let cases = [("{", "MALFORMED_JSON"), ("{}", "MISSING_FIELD"), (&negative.to_string(), "BAD_AMOUNT")];
    for (text, error_type) in cases {
        driver.pipe_raw("transactions", raw(Some("k"), Some(text.to_owned()))).unwrap();
        let letters = driver.dead_letters();
        assert_eq!(1, letters.len(), "{text}");
        assert_eq!(Some(text.as_bytes()), letters[0].value.as_deref());
        assert_eq!(Some(error_type.as_bytes()), letters[0].headers.last("dlq.error.type"), "{text}");
    }
    driver.pipe_raw("transactions", raw(Some("k"), None)).unwrap();
    assert!(driver.dead_letters().is_empty());
    assert_eq!([1, 1, 1], counted(&mut driver, "a", "D", "C", BEGIN));
}

#[test]
fn the_key_of_a_payment_decides_nothing() {
    let mut driver = driver();
    let keys = [None, Some(&b"D"[..]), Some(b""), Some(b"\xff\xfe\x00"), Some(b"{\"schema\":1}")];
    for (number, key) in (1..).zip(keys) {
        let value = payment(&format!("t{number}"), "D", "C", BEGIN + number);
        let key = key.map(bytes::Bytes::copy_from_slice);
        let value = Some(bytes::Bytes::from(value.to_string()));
        let record = RawRecord { key, value, timestamp: BEGIN, headers: Headers::new() };
        driver.pipe_raw("transactions", record).unwrap();
        let verdicts = verdicts(&mut driver);
        assert_eq!([number; 3], counts(&verdicts[0]));
    }
    assert!(driver.dead_letters().is_empty());
}

#[test]
fn the_same_instant_in_any_zone_is_the_same_time_and_is_told_as_received() {
    let mut driver = driver();
    let times = [
        "2026-02-06T00:00:00Z",
        "2026-02-06T07:00:00+07:00",
        "2026-02-05T23:30:00.000-00:30",
        "2026-02-06T00:00:00.0009Z",
    ];
    for (number, time) in (1..).zip(times) {
        let mut payment = payment(&format!("t{number}"), "D", "C", 0);
        payment["timestamp"] = json!(time);
        let verdict = pay(&mut driver, &payment).remove(0);
        assert_eq!([number; 3], counts(&verdict), "{time}");
        assert_eq!(verdict["timestamp"], time);
        assert_eq!(verdict.get("late"), None);
    }
}

#[test]
fn amounts_are_exact_minor_units_of_their_currency_whether_number_or_text() {
    let mut driver = driver();
    // Nothing of this fits a float: 9007199254740993 is 2^53 + 1.
    let amounts = [
        ("9007199254740993", "USD"),
        ("\"0.01\"", "USD"),
        ("1e2", "JPY"),
        ("\"0.001\"", "KWD"),
        ("12.5", "IDR"),
    ];
    let mut last = Value::Null;
    for (number, (amount, currency)) in (1..).zip(amounts) {
        let text = format!(
            r#"{{"transactionId":"t{number}","timestamp":"2026-02-06T10:30:00Z","amount":{amount},"currency":"{currency}","debtorAccount":"D","creditorAccount":"C"}}"#
        );
        driver.pipe_raw("transactions", raw(None, Some(text))).unwrap();
        last = verdicts(&mut driver).remove(0);
    }
    let sums = json!({"IDR": 1250, "JPY": 100, "KWD": 1, "USD": 900_719_925_474_099_301_i64});
    assert_eq!(last["verdicts"][0]["sumMinor"], sums);
    assert_eq!(last["verdicts"][1]["sumMinor"], sums);
    let rule = |nth: usize| (last["verdicts"][nth]["id"].clone(), last["verdicts"][nth]["cfg"].clone());
    let named = |id: &str| (json!(id), json!("1.0.0"));
    assert_eq!([0, 1, 2, 3].map(rule), ["901@1.0.0", "902@1.0.0", "903@1.0.0", "904@1.0.0"].map(named));
    assert_eq!(
        (&last["verdicts"][2]["indpdntVarbl"], &last["verdicts"][2]["windowMs"]),
        (&json!(12.5), &json!(0))
    );
}

#[test]
fn headers_and_the_timestamp_of_a_payment_arrive_with_its_verdict() {
    let mut driver = driver();
    let mut record = raw(None, Some(payment("a", "D", "C", BEGIN).to_string()));
    record.timestamp = BEGIN + 7;
    record.headers.push_text("traceparent", "00-1-2-01");
    driver.pipe_raw("transactions", record).unwrap();
    let verdict = &driver.read_raw("velocity.verdicts")[0];
    assert_eq!(BEGIN + 7, verdict.timestamp);
    assert_eq!(Some(&b"00-1-2-01"[..]), verdict.headers.last("traceparent"));
    assert_eq!(Some(&b"a"[..]), verdict.key.as_deref());
}

#[test]
fn state_does_not_grow_beyond_window_and_grace() {
    let mut driver = driver();
    driver.advance_wall_clock(SETTLE_MS).unwrap();
    let stores = ["claims-store", "claims-ends", "accounts-store", "accounts-windows", "accounts-looks"];
    let mut most = 0;
    for hour in 0..24 * 12 {
        for nth in 0..4 {
            let id = format!("{hour}-{nth}");
            let account = format!("A{}", (hour * 4 + nth) % 97);
            counted(&mut driver, &id, &account, "SHOP", BEGIN + hour * HOUR + nth);
        }
        let rows: usize = stores.iter().map(|store| driver.rows(store).unwrap().len()).sum();
        if hour < 24 * 4 {
            most = most.max(rows);
        } else {
            assert!(rows <= most + most / 4, "hour {hour}: {rows} rows, {most} after four days");
        }
    }
    for store in ["accounts-waiting", "halves-store"] {
        assert!(driver.rows(store).unwrap().is_empty(), "{store} holds what nobody waits for");
    }
}

/// Pipes records, tells the model, and compares every verdict.
fn compare(
    seed: u64,
    records: &[WireRecord],
    driver: &mut Driver,
    mut disturb: impl FnMut(&mut Driver, usize),
) {
    let mut model = PaymentsModel::new(PaymentsModelConfig::default());
    let mut actual = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        model.apply("transactions", 0, i64::try_from(place).unwrap(), record);
        let bytes = |bytes: &Vec<u8>| bytes::Bytes::copy_from_slice(bytes);
        let record = RawRecord {
            key: record.key.as_ref().map(bytes),
            value: record.value.as_ref().map(bytes),
            timestamp: record.timestamp_ms,
            headers: Headers::new(),
        };
        driver.pipe_raw("transactions", record).unwrap();
        disturb(driver, place);
        for verdict in verdicts(driver) {
            let id = verdict["transactionId"].as_str().unwrap().to_owned();
            assert_eq!(None, actual.insert(id.clone(), verdict), "seed {seed}: two verdicts for {id}");
        }
    }
    driver.run().unwrap();
    let expected = model.expected_verdicts();
    assert_eq!(expected.len(), actual.len(), "seed {seed}");
    for (id, verdict) in &expected {
        assert!(verdict.determined, "one partition determines everything");
        assert_eq!(Some(&verdict.value), actual.get(id), "seed {seed}: {id}");
    }
    assert_eq!(model.expected_dead_letters().len(), driver.dead_letters().len(), "seed {seed}");
}

fn made_up(seed: u64, events: u64, per_minute: u32) -> Vec<WireRecord> {
    let config = PaymentsConfig {
        seed,
        events,
        per_minute,
        accounts: 20,
        busy_account_per_mille: 200,
        duplicates_per_mille: 60,
        out_of_order_per_mille: 150,
        late_per_mille: 30,
        ..PaymentsConfig::default()
    };
    PaymentsGenerator::new(config).collect()
}

#[test]
fn made_up_payments_get_the_verdicts_of_the_model() {
    for seed in 0..6 {
        // From a second to hours between two payments: windows that hold everything, and windows that forget.
        let per_minute = [60, 6, 1][seed as usize % 3];
        compare(seed, &made_up(seed, 1200, per_minute), &mut driver(), |_, _| {});
    }
}

#[test]
fn verdicts_survive_crashes_whether_the_stores_do_or_not() {
    for seed in 10..13 {
        let mut random = StdRng::seed_from_u64(seed);
        compare(seed, &made_up(seed, 600, 6), &mut driver(), |driver, _| match random.random_range(0..60) {
            0 => driver.restore().unwrap(),
            1 => driver.reopen().unwrap(),
            _ => {}
        });
    }
}

#[test]
fn equal_payments_in_any_order_count_from_one_to_all_of_them() {
    let mut random = StdRng::seed_from_u64(5);
    let mut ids: Vec<usize> = (0..40).collect();
    ids.shuffle(&mut random);
    let mut driver = driver();
    let mut seen: Vec<i64> =
        ids.iter().map(|id| counted(&mut driver, &id.to_string(), "D", "C", BEGIN)[0]).collect();
    seen.sort_unstable();
    assert_eq!((1..=40).collect::<Vec<i64>>(), seen);
}

/// Verdicts of a debtor's payments, read while at-least-once processing is cut off in these commits.
fn said_again(cuts: &[usize]) -> BTreeMap<String, Vec<[i64; 3]>> {
    let topology = tazama::topology(&VelocityConfig::default()).unwrap();
    let mut driver = Driver::builder(topology).commit_by_hand().build().unwrap();
    let mut said: BTreeMap<String, Vec<[i64; 3]>> = BTreeMap::new();
    for commit in 0..COMMITS {
        if commit < PAYMENTS {
            let payment = payment(&format!("p{commit}"), "D", "C", BEGIN + 1_000 * commit as i64);
            driver.pipe_raw("transactions", raw(None, Some(payment.to_string()))).unwrap();
        }
        if cuts.contains(&commit) {
            driver.crash_before_offsets().unwrap();
            driver.restore().unwrap();
        } else {
            driver.commit().unwrap();
        }
        for verdict in verdicts(&mut driver) {
            let id = verdict["transactionId"].as_str().unwrap().to_owned();
            said.entry(id).or_default().push(counts(&verdict));
        }
    }
    said
}

const PAYMENTS: usize = 6;
/// Enough for the last payment to pass every stage.
const COMMITS: usize = 16;

#[test]
fn a_payment_that_is_heard_again_after_a_crash_before_its_offset_is_counted_once_and_holds_up_nobody() {
    let undisturbed = said_again(&[]);
    assert_eq!(undisturbed.len(), PAYMENTS);
    assert!(undisturbed.values().all(|verdicts| verdicts.len() == 1), "{undisturbed:?}");
    for cut in 0..COMMITS {
        for cuts in [vec![cut], vec![cut, cut + 1], vec![cut, cut + 3]] {
            let said = said_again(&cuts);
            assert!(said.keys().eq(undisturbed.keys()), "cut in {cuts:?}: {said:?}");
            for (id, verdicts) in &said {
                // The last stage says again what it said in the interval that is repeated, word by word.
                assert!(
                    verdicts.iter().all(|verdict| *verdict == undisturbed[id][0]),
                    "cut in {cuts:?}: {said:?}"
                );
            }
        }
    }
}

#[test]
fn what_reaches_an_account_twice_gives_no_second_verdict_and_is_not_waited_for() {
    let mut driver = driver();
    for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
        counted(&mut driver, id, "D", "C", BEGIN + number as i64);
    }
    let is_to_accounts = |topic: &&str| topic.contains("account") && topic.ends_with("-repartition");
    let topics: Vec<String> = driver.topics().filter(is_to_accounts).map(str::to_owned).collect();
    let written =
        |topic: &String| driver.written(topic).map(|it| (topic.clone(), it.clone())).collect::<Vec<_>>();
    let events: Vec<(String, RawRecord)> = topics.iter().flat_map(written).collect();
    assert!(events.len() >= 12, "payments and decisions for both accounts: {topics:?}");
    for (topic, event) in &events {
        driver.pipe_raw(topic, event.clone()).unwrap();
        assert_eq!(verdicts(&mut driver), Vec::<Value>::new());
    }
    assert_eq!([4, 4, 4], counted(&mut driver, "d", "D", "C", BEGIN + 3));
}
