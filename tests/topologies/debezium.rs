//! The ten samples of the wire form decode to the stated rows, with the schema on the wire and without.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use topologies::cdc::{
    Catalogue, ChangeEvent, Customer, DecimalForm, DecodeError, Decoder, DecoderConfig, Event, Operation,
    Order, OrderItem, Row, SkipKind, TableRow,
};
use topologies::decimal::Decimal;
use topologies::time::{micros_from_text, rfc3339_from_millis};

const SAMPLES: [&str; 10] = [
    "01_customers_create",
    "02_products_create",
    "03_orders_create",
    "04_order_items_create",
    "05_audit_log_create",
    "06_customers_update",
    "07_orders_update_unavailable_clob",
    "08_order_items_delete_tombstone",
    "09_products_snapshot_read",
    "10_orders_update_base64_decimal",
];

#[derive(Deserialize)]
struct Sample {
    records: Vec<SampleRecord>,
}

/// One header, as text.
#[derive(Deserialize)]
pub(crate) struct SampleHeader {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A record as the connector wrote it.
#[derive(Deserialize)]
pub(crate) struct SampleRecord {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    pub(crate) headers: Vec<SampleHeader>,
    offset: i64,
    pub(crate) key: Option<Box<RawValue>>,
    pub(crate) value: Option<Box<RawValue>>,
}

fn read(name: &str) -> String {
    let path = format!("{}/../tests/topologies/data/debezium/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The records of a sample.
pub(crate) fn sample(name: &str) -> Vec<SampleRecord> {
    serde_json::from_str::<Sample>(&read(name)).unwrap().records
}

/// The bytes the connector writes: no space outside strings, members in their order, escapes as they are.
pub(crate) fn compact(raw: &RawValue) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = inside || !c.is_ascii_whitespace();
        if *c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && *c == '\\' && !escaped;
        kept
    };
    raw.get().chars().filter(keep).collect()
}

/// The payload alone, as with `schemas.enable=false`.
fn payload(raw: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Wrapper {
        payload: Box<RawValue>,
    }
    compact(&serde_json::from_str::<Wrapper>(raw.get()).unwrap().payload)
}

fn decoder() -> Decoder {
    Decoder::new(DecoderConfig::new(Catalogue::sales().unwrap()))
}

fn decode_with(decoder: &Decoder, record: &SampleRecord, form: fn(&RawValue) -> String) -> Event {
    let key = record.key.as_deref().map(form);
    let value = record.value.as_deref().map(form);
    decoder
        .decode(
            &record.topic,
            record.offset,
            key.as_deref().map(str::as_bytes),
            value.as_deref().map(str::as_bytes),
        )
        .unwrap()
}

/// Timestamps are compared as instants: the files print six digits, we print as many as needed.
fn with_instants(value: &Value) -> Value {
    match value {
        Value::String(text) => match micros_from_text(text) {
            Ok(micros) => json!({ "micros": micros }),
            Err(_) => value.clone(),
        },
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), with_instants(member))).collect()
        }
        Value::Array(members) => members.iter().map(with_instants).collect(),
        _ => value.clone(),
    }
}

fn change_as_json(change: &ChangeEvent) -> Value {
    let version = change.version.scn.to_string();
    json!({
        "kind": "change",
        "schema": change.schema,
        "table": change.table,
        "op": change.op.letter(),
        "key": change.key.to_json(),
        "before": change.before.as_ref().map(Row::to_json),
        "after": change.after.as_ref().map(Row::to_json),
        "unavailable_before": change.unavailable_before(),
        "unavailable_after": change.unavailable_after(),
        "snapshot": change.snapshot,
        "scn": change.scn.map(|scn| scn.to_string()),
        "commit_scn": change.commit_scn.map(|scn| scn.to_string()),
        "tx_id": change.tx_id,
        "tx_seq": change.tx_seq,
        "version": version,
        "source_ts": change.source_ts.map(|millis| rfc3339_from_millis(millis).unwrap()),
        "event_ts": change.event_ts.map(|millis| rfc3339_from_millis(millis).unwrap()),
    })
}

fn event_as_json(event: &Event) -> Value {
    match event {
        Event::Change(change) => change_as_json(change),
        Event::Tombstone { table, key } => {
            json!({"kind": "tombstone", "schema": "SALES", "table": table, "key": key.to_json()})
        }
        Event::Skipped(kind) => panic!("a sample was skipped as {kind:?}"),
    }
}

fn assert_samples_decode(form: fn(&RawValue) -> String) {
    let for_later_stages =
        BTreeSet::from(["sink_effect", "xml_items", "row_after_03_then_07", "transaction"]);
    let decoder = decoder();
    // Twice: the second round meets only schemas that are in the cache.
    for name in SAMPLES.iter().chain(&SAMPLES) {
        let expected: Value = serde_json::from_str(&read(&format!("{name}.expected"))).unwrap();
        let expected = expected["records"].as_array().unwrap();
        let records = sample(name);
        assert_eq!(records.len(), expected.len());
        for (record, expected) in records.iter().zip(expected) {
            let mut expected = expected.clone();
            expected.as_object_mut().unwrap().retain(|field, _| !for_later_stages.contains(field.as_str()));
            let decoded = event_as_json(&decode_with(&decoder, record, form));
            assert_eq!(with_instants(&decoded), with_instants(&expected), "{name}");
        }
    }
}

#[test]
fn all_samples_decode_to_their_expected_files() {
    assert_samples_decode(compact);
}

#[test]
fn spaces_in_the_json_change_nothing() {
    assert_samples_decode(|raw| raw.get().to_owned());
}

#[test]
fn all_samples_decode_the_same_without_the_schema_wrapper() {
    assert_samples_decode(payload);
}

fn changed(name: &str, from: &str, to: &str) -> (String, Option<String>, Option<String>) {
    let record = sample(name).remove(0);
    let value = record.value.as_deref().map(compact).unwrap();
    assert!(value.contains(from), "{name} has no {from}");
    (record.topic, record.key.as_deref().map(compact), Some(value.replace(from, to)))
}

fn decode_changed(name: &str, from: &str, to: &str) -> Result<Event, DecodeError> {
    let (topic, key, value) = changed(name, from, to);
    decoder().decode(&topic, 7, key.as_deref().map(str::as_bytes), value.as_deref().map(str::as_bytes))
}

fn change_of(event: Event) -> ChangeEvent {
    match event {
        Event::Change(change) => *change,
        other => panic!("not a change: {other:?}"),
    }
}

#[test]
fn an_unchanged_clob_keeps_the_stored_value() {
    let decoder = decoder();
    let decode = |name: &str| change_of(decode_with(&decoder, &sample(name)[0], compact));
    let stored = Order::from_row(&decode("03_orders_create").after.unwrap()).unwrap();
    let update = decode("07_orders_update_unavailable_clob").after.unwrap();
    let order = Order::from_row_over(&update, Some(&stored)).unwrap();
    assert_eq!(order.status.as_deref(), Some("SHIPPED"));
    assert!(order.shipping_info.unwrap().starts_with("<?xml"));
    assert_eq!(Order::from_row_over(&update, None).unwrap().shipping_info, None);
}

#[test]
fn typed_rows_hold_exact_values() {
    let decoder = decoder();
    let item = change_of(decode_with(&decoder, &sample("04_order_items_create")[0], compact));
    let item = OrderItem::from_row(item.after.as_ref().unwrap()).unwrap();
    assert_eq!((item.item_id, item.order_id, item.quantity), (9001, Some(1001), Some(2)));
    assert_eq!(item.subtotal, Some(Decimal::new(9998, 2)));
    let order = change_of(decode_with(&decoder, &sample("10_orders_update_base64_decimal")[0], compact));
    let order = Order::from_row(order.after.as_ref().unwrap()).unwrap();
    assert_eq!(order.order_date, Some(-1));
}

#[test]
fn an_absent_joined_column_is_an_error_and_an_absent_unused_one_is_null() {
    let read = |from: &str, to: &str| {
        let change = change_of(decode_changed("01_customers_create", from, to).unwrap());
        Customer::from_row(change.after.as_ref().unwrap())
    };
    assert_eq!(read(r#""EMAIL":"john.doe@example.com","#, "").unwrap().email, None);
    assert_eq!(read(r#""TIER":"GOLD","#, "").unwrap_err().error_type(), "MISSING_COLUMN");
    assert_eq!(read(r#""CUSTOMER_ID":500,"#, "").unwrap_err().error_type(), "MISSING_COLUMN");
    assert_eq!(read(r#""TIER":"GOLD""#, r#""TIER":null"#).unwrap().tier, None);
    let unknown = read(r#""TIER":"GOLD""#, r#""TIER":"GOLD","LOYALTY":[{}]"#).unwrap();
    assert_eq!(unknown.tier.as_deref(), Some("GOLD"));
}

#[test]
fn operations_are_read_in_any_case() {
    let change = change_of(decode_changed("01_customers_create", r#""op":"c""#, r#""op":"U""#).unwrap());
    assert_eq!(change.op, Operation::Update);
}

#[test]
fn bad_records_get_the_name_of_their_error() {
    let cases = [
        ("01_customers_create", r#""op":"c""#, r#""op":"x""#, "UNKNOWN_OP"),
        ("01_customers_create", r#""op":"c","#, "", "SCHEMA_MISMATCH"),
        ("01_customers_create", r#""op":"c""#, r#""op":7"#, "WRONG_TYPE"),
        ("01_customers_create", r#""after":{"#, r#""after":null,"unread":{"#, "MISSING_AFTER"),
        ("01_customers_create", r#""after":{"#, r#""after":7,"unread":{"#, "SCHEMA_MISMATCH"),
        ("01_customers_create", r#""after":{"#, r#""after":{{"#, "MALFORMED_JSON"),
        ("01_customers_create", r#""CUSTOMER_ID":500"#, r#""CUSTOMER_ID":"five""#, "WRONG_TYPE"),
        ("01_customers_create", r#""NAME":"John Doe""#, r#""NAME":17"#, "WRONG_TYPE"),
        ("01_customers_create", r#""scn":"2125544""#, r#""scn":"soon""#, "WRONG_TYPE"),
        ("02_products_create", r#""PRICE":"E4c=""#, r#""PRICE":"?""#, "WRONG_TYPE"),
    ];
    for (name, from, to, error) in cases {
        assert_eq!(decode_changed(name, from, to).unwrap_err().error_type(), error, "{from} -> {to}");
    }
    let wrong = decode_changed("01_customers_create", r#""CUSTOMER_ID":500"#, r#""CUSTOMER_ID":"five""#);
    let message = wrong.unwrap_err().to_string();
    assert!(message.contains("CUSTOMER_ID") && message.contains("five"), "{message}");
}

#[test]
fn keys_that_are_missing_or_broken_get_their_own_errors() {
    let record = sample("01_customers_create").remove(0);
    let value = record.value.as_deref().map(compact).unwrap();
    let decoder = decoder();
    let error = |key: Option<&[u8]>, value: Option<&str>| {
        decoder.decode(&record.topic, 0, key, value.map(str::as_bytes)).unwrap_err().error_type()
    };
    assert_eq!(error(None, Some(&value)), "NULL_KEY");
    let nothing = decoder.decode(&record.topic, 0, None, None);
    assert_eq!(nothing, Ok(Event::Skipped(SkipKind::Tombstone)), "no key and no value: about no row");
    for key in
        [&b"500"[..], b"", b"\xff", b"{\"ID\":5}", b"{\"CUSTOMER_ID\":null}", b"{\"CUSTOMER_ID\":\"x\"}"]
    {
        assert_eq!(error(Some(key), Some(&value)), "UNDECODABLE_KEY", "{}", String::from_utf8_lossy(key));
        assert_eq!(error(Some(key), None), "UNDECODABLE_KEY", "{}", String::from_utf8_lossy(key));
    }
    assert_eq!(error(Some(b"{\"CUSTOMER_ID\":5}"), Some("\u{0}avro")), "UNSUPPORTED_FORMAT");
}

#[test]
fn records_that_are_no_changes_are_skipped_by_kind() {
    let decoder = decoder();
    let cases = [
        (r#"{"before":null,"after":null,"source":{"table":"ORDERS"},"op":"t"}"#, SkipKind::Truncate),
        (
            r#"{"source":{},"ts_ms":1,"databaseName":"ORCL","ddl":"ALTER TABLE X","tableChanges":[]}"#,
            SkipKind::SchemaChange,
        ),
        (r#"{"ts_ms":1706000000000}"#, SkipKind::Heartbeat),
        (
            r#"{"status":"BEGIN","id":"5.6.641","event_count":null,"data_collections":null,"ts_ms":1}"#,
            SkipKind::Transaction,
        ),
        (
            r#"{"id":"1","aggregate_type":"Initial Snapshot","type":"COMPLETED","ts_ms":1}"#,
            SkipKind::Notification,
        ),
        (r#"{"op":"m","ts_ms":1,"source":{},"message":{}}"#, SkipKind::Message),
        (
            r#"{"schema":{"type":"struct","name":"io.debezium.connector.common.Heartbeat"},"payload":{"ts_ms":1}}"#,
            SkipKind::Heartbeat,
        ),
    ];
    for (value, kind) in cases {
        let event = decoder.decode("oracle-cdc", 0, None, Some(value.as_bytes()));
        assert_eq!(event, Ok(Event::Skipped(kind)), "{value}");
    }
}

#[test]
fn a_table_of_another_schema_is_refused() {
    let config =
        DecoderConfig { schema: Some("SALES".to_owned()), ..DecoderConfig::new(Catalogue::sales().unwrap()) };
    let decoder = Decoder::new(config);
    let (topic, key, value) = changed("01_customers_create", r#""schema":"SALES""#, r#""schema":"HR""#);
    let event =
        decoder.decode(&topic, 0, key.as_deref().map(str::as_bytes), value.as_deref().map(str::as_bytes));
    assert_eq!(event.unwrap_err().error_type(), "SCHEMA_MISMATCH");
}

#[test]
fn an_incremental_snapshot_and_a_connector_without_commit_scn_keep_their_order() {
    let create = change_of(decode_changed("01_customers_create", "2125545", "2125545").unwrap()).version;
    let early =
        decode_changed("01_customers_create", r#""commit_scn":"2125545""#, r#""commit_scn":"2125543""#);
    assert_eq!(change_of(early.unwrap()).version.scn, 2_125_544);
    let read = decode_changed("01_customers_create", r#""snapshot":"false""#, r#""snapshot":"incremental""#);
    assert_eq!(change_of(read.unwrap()).version.sequence, i64::MAX);
    assert_eq!((create.sequence, create.exact), (1, true));
}

#[test]
fn decimals_as_text_need_the_setting_when_there_is_no_schema() {
    let value = r#"{"after":{"ITEM_ID":"1","ORDER_ID":"2","PRODUCT_ID":"3","QUANTITY":"4","UNIT_PRICE":"1234","SUBTOTAL":"4936.00"},"source":{"table":"ORDER_ITEMS"},"op":"c"}"#;
    let config =
        DecoderConfig { decimals: DecimalForm::Text, ..DecoderConfig::new(Catalogue::sales().unwrap()) };
    let event = Decoder::new(config).decode(
        "x.SALES.ORDER_ITEMS",
        0,
        Some(br#"{"ITEM_ID":"1"}"#),
        Some(value.as_bytes()),
    );
    let item = OrderItem::from_row(change_of(event.unwrap()).after.as_ref().unwrap()).unwrap();
    assert_eq!(item.unit_price.unwrap().to_string(), "1234.00");
    assert_eq!((item.item_id, item.order_id), (1, Some(2)));
}

mod malformed {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_damaged_record_never_panics(
            which in 0..SAMPLES.len(),
            schemaless: bool,
            place in 0.0_f64..1.0,
            cut in 0_usize..40,
            insert in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let decoder = decoder();
            let form = if schemaless { payload } else { compact };
            for record in sample(SAMPLES[which]) {
                // The schema is in the cache when the damaged record comes.
                decode_with(&decoder, &record, form);
                for target in [&record.key, &record.value] {
                    let mut bytes = target.as_deref().map(form).unwrap_or_default().into_bytes();
                    let start = (bytes.len() as f64 * place) as usize;
                    let end = bytes.len().min(start + cut);
                    bytes.splice(start..end, insert.iter().copied());
                    let _ = decoder.decode(&record.topic, 0, Some(&bytes), record.value.as_deref().map(compact).as_deref().map(str::as_bytes));
                    let _ = decoder.decode(&record.topic, 0, record.key.as_deref().map(compact).as_deref().map(str::as_bytes), Some(&bytes));
                }
            }
        }
    }
}
