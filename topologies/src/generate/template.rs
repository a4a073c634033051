//! The parts of a Debezium record that are the same for every row of a table, built once.

use std::fmt::Write as _;

/// One of the five tables; its number is its place in arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Orders,
    OrderItems,
    Customers,
    Products,
    AuditLog,
}

pub(super) const TABLES: [Table; 5] =
    [Table::Orders, Table::OrderItems, Table::Customers, Table::Products, Table::AuditLog];

/// The constant texts of a table's records.
pub(super) struct Template {
    pub(super) topic: String,
    /// Up to the value of the key column.
    pub(super) key_head: String,
    pub(super) key_tail: &'static str,
    /// Up to the row image `before`.
    pub(super) value_head: String,
    pub(super) value_tail: &'static str,
    /// From the name of the connector to the timestamp in the source block.
    pub(super) source_head: String,
    /// The members `db` to `sequence` and `schema` to `table` of the source block.
    pub(super) source_table: String,
}

enum Column {
    Int64,
    Int32,
    Int8,
    Text,
    Micros,
    Decimal(u8),
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Orders => "ORDERS",
            Table::OrderItems => "ORDER_ITEMS",
            Table::Customers => "CUSTOMERS",
            Table::Products => "PRODUCTS",
            Table::AuditLog => "AUDIT_LOG",
        }
    }

    fn columns(self) -> &'static [(&'static str, Column)] {
        use Column::{Decimal, Int8, Int32, Int64, Micros, Text};
        match self {
            Table::Orders => &[
                ("ORDER_ID", Int64),
                ("CUSTOMER_ID", Int64),
                ("ORDER_DATE", Micros),
                ("STATUS", Text),
                ("TOTAL_AMOUNT", Decimal(15)),
                ("SHIPPING_INFO", Text),
                ("CREATED_AT", Micros),
                ("UPDATED_AT", Micros),
            ],
            Table::OrderItems => &[
                ("ITEM_ID", Int64),
                ("ORDER_ID", Int64),
                ("PRODUCT_ID", Int64),
                ("QUANTITY", Int32),
                ("UNIT_PRICE", Decimal(10)),
                ("SUBTOTAL", Decimal(15)),
            ],
            Table::Customers => &[
                ("CUSTOMER_ID", Int64),
                ("NAME", Text),
                ("EMAIL", Text),
                ("TIER", Text),
                ("REGION", Text),
                ("CREATED_AT", Micros),
            ],
            Table::Products => &[
                ("PRODUCT_ID", Int64),
                ("NAME", Text),
                ("CATEGORY", Text),
                ("PRICE", Decimal(10)),
                ("STOCK_QTY", Int64),
                ("IS_ACTIVE", Int8),
            ],
            Table::AuditLog => &[
                ("LOG_ID", Int64),
                ("TABLE_NAME", Text),
                ("OPERATION", Text),
                ("RECORD_ID", Text),
                ("CHANGED_BY", Text),
                ("CHANGED_AT", Micros),
            ],
        }
    }
}

impl Template {
    pub(super) fn new(table: Table, prefix: &str, schema: &str, wrapped: bool) -> Template {
        let full_name = format!("{prefix}.{schema}.{}", table.name());
        let key_column = table.columns().first().map_or("ID", |column| column.0);
        let (key_head, value_head) = if wrapped {
            (
                format!(r#"{{"schema":{},"payload":{{"{key_column}":"#, key_schema(key_column, &full_name)),
                format!(r#"{{"schema":{},"payload":{{"before":"#, envelope_schema(table, &full_name)),
            )
        } else {
            (format!(r#"{{"{key_column}":"#), r#"{"before":"#.to_owned())
        };
        Template {
            topic: full_name,
            key_head,
            key_tail: if wrapped { "}}" } else { "}" },
            value_head,
            value_tail: if wrapped { "}}" } else { "}" },
            source_head: format!(
                r#""source":{{"version":"3.6.0.Final","connector":"oracle","name":"{prefix}","ts_ms":"#
            ),
            source_table: format!(r#""schema":"{schema}","table":"{}""#, table.name()),
        }
    }
}

fn key_schema(column: &str, full_name: &str) -> String {
    format!(
        r#"{{"type":"struct","fields":[{{"type":"int64","optional":false,"field":"{column}"}}],"optional":false,"name":"{full_name}.Key"}}"#
    )
}

fn envelope_schema(table: Table, full_name: &str) -> String {
    let before = image_schema(table, full_name, "before");
    let after = image_schema(table, full_name, "after");
    let transaction = concat!(
        r#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},"#,
        r#"{"type":"int64","optional":false,"field":"total_order"},"#,
        r#"{"type":"int64","optional":false,"field":"data_collection_order"}],"#,
        r#""optional":true,"name":"event.block","version":1,"field":"transaction"}"#
    );
    let source = source_schema();
    format!(
        r#"{{"type":"struct","fields":[{before},{after},{source},{transaction},{op},{ms},{us},{ns}],"optional":false,"name":"{full_name}.Envelope","version":2}}"#,
        op = r#"{"type":"string","optional":false,"field":"op"}"#,
        ms = plain("int64", true, "ts_ms"),
        us = plain("int64", true, "ts_us"),
        ns = plain("int64", true, "ts_ns"),
    )
}

fn image_schema(table: Table, full_name: &str, image: &str) -> String {
    let mut fields = String::new();
    for (position, (name, column)) in table.columns().iter().enumerate() {
        if position > 0 {
            fields.push(',');
        }
        fields.push_str(&column_schema(name, column, position > 0));
    }
    format!(
        r#"{{"type":"struct","fields":[{fields}],"optional":true,"name":"{full_name}.Value","field":"{image}"}}"#
    )
}

fn column_schema(name: &str, column: &Column, optional: bool) -> String {
    match column {
        Column::Int64 => plain("int64", optional, name),
        Column::Int32 => plain("int32", optional, name),
        Column::Int8 => plain("int8", optional, name),
        Column::Text => plain("string", optional, name),
        Column::Micros => format!(
            r#"{{"type":"int64","optional":{optional},"name":"io.debezium.time.MicroTimestamp","version":1,"field":"{name}"}}"#
        ),
        Column::Decimal(precision) => format!(
            r#"{{"type":"bytes","optional":{optional},"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{{"scale":"2","connect.decimal.precision":"{precision}"}},"field":"{name}"}}"#
        ),
    }
}

fn source_schema() -> String {
    let mut fields = String::new();
    for name in ["version", "connector", "name"] {
        fields.push_str(&plain("string", false, name));
        fields.push(',');
    }
    fields.push_str(&plain("int64", false, "ts_ms"));
    fields.push_str(concat!(
        r#",{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"#,
        r#""true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"#,
        r#""default":"false","field":"snapshot"}"#
    ));
    let rest = [
        ("string", false, "db"),
        ("string", true, "sequence"),
        ("int64", true, "ts_us"),
        ("int64", true, "ts_ns"),
        ("string", false, "schema"),
        ("string", false, "table"),
        ("string", true, "txId"),
        ("string", true, "scn"),
        ("string", true, "commit_scn"),
        ("string", true, "lcr_position"),
        ("string", true, "rs_id"),
        ("int64", true, "ssn"),
        ("int32", true, "redo_thread"),
        ("string", true, "user_name"),
        ("string", true, "redo_sql"),
        ("string", true, "row_id"),
        ("int64", true, "commit_ts_ms"),
        ("string", true, "start_scn"),
        ("int64", true, "start_ts_ms"),
        ("int64", true, "txSeq"),
    ];
    for (kind, optional, name) in rest {
        let _ = write!(fields, ",{}", plain(kind, optional, name));
    }
    format!(
        r#"{{"type":"struct","fields":[{fields}],"optional":false,"name":"io.debezium.connector.oracle.Source","version":1,"field":"source"}}"#
    )
}

fn plain(kind: &str, optional: bool, field: &str) -> String {
    format!(r#"{{"type":"{kind}","optional":{optional},"field":"{field}"}}"#)
}
