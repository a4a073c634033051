//! The rows of the simulated database and their images on the wire.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::template::Table;
use crate::cdc::UNAVAILABLE_VALUE;
use crate::decimal::Decimal;

/// What stands in a CLOB column of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clob {
    Text,
    Unchanged,
}

/// A row that can write its image as a JSON object.
pub(super) trait SourceRow {
    const TABLE: Table;
    fn id(&self) -> i64;
    fn write(&self, clob: Clob, out: &mut String);
}

#[derive(Clone, Debug)]
pub(super) struct OrderRow {
    pub(super) id: i64,
    pub(super) customer: i64,
    pub(super) date: Option<i64>,
    pub(super) status: &'static str,
    pub(super) total_cents: i64,
    pub(super) shipping: u32,
    pub(super) created: i64,
    pub(super) updated: Option<i64>,
    /// Items that belong to it; not a column.
    pub(super) items: Vec<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct ItemRow {
    pub(super) id: i64,
    pub(super) order: i64,
    pub(super) product: i64,
    pub(super) quantity: i64,
    pub(super) price_cents: i64,
    /// False: SUBTOTAL is NULL.
    pub(super) has_subtotal: bool,
}

#[derive(Clone, Debug)]
pub(super) struct CustomerRow {
    pub(super) id: i64,
    pub(super) name: &'static str,
    pub(super) mail: Option<u32>,
    pub(super) tier: Option<&'static str>,
    pub(super) region: &'static str,
    pub(super) created: i64,
}

#[derive(Clone, Debug)]
pub(super) struct ProductRow {
    pub(super) id: i64,
    pub(super) name: &'static str,
    pub(super) category: Option<&'static str>,
    pub(super) price_cents: i64,
    pub(super) stock: i64,
    pub(super) active: i64,
}

#[derive(Clone, Debug)]
pub(super) struct AuditRow {
    pub(super) id: i64,
    pub(super) table: &'static str,
    pub(super) operation: &'static str,
    pub(super) record: i64,
    pub(super) changed: i64,
}

impl SourceRow for OrderRow {
    const TABLE: Table = Table::Orders;

    fn id(&self) -> i64 {
        self.id
    }

    fn write(&self, clob: Clob, out: &mut String) {
        let OrderRow { id, customer, status, created, .. } = self;
        let _ = write!(out, r#"{{"ORDER_ID":{id},"CUSTOMER_ID":{customer},"ORDER_DATE":"#);
        number(self.date, out);
        let _ = write!(out, r#","STATUS":"{status}","TOTAL_AMOUNT":"#);
        cents(Some(self.total_cents), out);
        out.push_str(r#","SHIPPING_INFO":""#);
        match clob {
            Clob::Text => shipping_document(self.shipping, out),
            Clob::Unchanged => out.push_str(UNAVAILABLE_VALUE),
        }
        let _ = write!(out, r#"","CREATED_AT":{created},"UPDATED_AT":"#);
        number(self.updated, out);
        out.push('}');
    }
}

impl SourceRow for ItemRow {
    const TABLE: Table = Table::OrderItems;

    fn id(&self) -> i64 {
        self.id
    }

    fn write(&self, _: Clob, out: &mut String) {
        let ItemRow { id, order, product, quantity, .. } = self;
        let _ = write!(out, r#"{{"ITEM_ID":{id},"ORDER_ID":{order},"PRODUCT_ID":{product},"#);
        let _ = write!(out, r#""QUANTITY":{quantity},"UNIT_PRICE":"#);
        cents(Some(self.price_cents), out);
        out.push_str(r#","SUBTOTAL":"#);
        cents(self.has_subtotal.then_some(self.price_cents * quantity), out);
        out.push('}');
    }
}

impl SourceRow for CustomerRow {
    const TABLE: Table = Table::Customers;

    fn id(&self) -> i64 {
        self.id
    }

    fn write(&self, _: Clob, out: &mut String) {
        let CustomerRow { id, name, region, created, .. } = self;
        let _ = write!(out, r#"{{"CUSTOMER_ID":{id},"NAME":"{name}","EMAIL":"#);
        match self.mail {
            Some(mail) => {
                let _ = write!(out, r#""c{id}.{mail}@example.com""#);
            }
            None => out.push_str("null"),
        }
        out.push_str(r#","TIER":"#);
        text(self.tier, out);
        let _ = write!(out, r#","REGION":"{region}","CREATED_AT":{created}}}"#);
    }
}

impl SourceRow for ProductRow {
    const TABLE: Table = Table::Products;

    fn id(&self) -> i64 {
        self.id
    }

    fn write(&self, _: Clob, out: &mut String) {
        let ProductRow { id, name, stock, active, .. } = self;
        let _ = write!(out, r#"{{"PRODUCT_ID":{id},"NAME":"{name}","CATEGORY":"#);
        text(self.category, out);
        out.push_str(r#","PRICE":"#);
        cents(Some(self.price_cents), out);
        let _ = write!(out, r#","STOCK_QTY":{stock},"IS_ACTIVE":{active}}}"#);
    }
}

impl SourceRow for AuditRow {
    const TABLE: Table = Table::AuditLog;

    fn id(&self) -> i64 {
        self.id
    }

    fn write(&self, _: Clob, out: &mut String) {
        let AuditRow { id, table, operation, record, changed } = self;
        let _ = write!(out, r#"{{"LOG_ID":{id},"TABLE_NAME":"{table}","OPERATION":"{operation}","#);
        let _ = write!(out, r#""RECORD_ID":"{record}","CHANGED_BY":"SALES_APP","CHANGED_AT":{changed}}}"#);
    }
}

fn number(value: Option<i64>, out: &mut String) {
    match value {
        Some(value) => {
            let _ = write!(out, "{value}");
        }
        None => out.push_str("null"),
    }
}

fn text(value: Option<&str>, out: &mut String) {
    match value {
        Some(value) => {
            let _ = write!(out, r#""{value}""#);
        }
        None => out.push_str("null"),
    }
}

/// Money as Connect writes a decimal: base64 of the unscaled integer.
fn cents(value: Option<i64>, out: &mut String) {
    match value {
        Some(value) => {
            out.push('"');
            BASE64.encode_string(Decimal::from(value).to_be_bytes(), out);
            out.push('"');
        }
        None => out.push_str("null"),
    }
}

/// The XML of SHIPPING_INFO, already escaped for JSON.
fn shipping_document(number: u32, out: &mut String) {
    let method = if number.is_multiple_of(3) { "EXPRESS" } else { "REGULAR" };
    out.push_str(r#"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<order_details><items><item product_id=\""#);
    let _ = write!(
        out,
        r#"{}\" quantity=\"{}\" unit_price=\"{}.99\" /></items>"#,
        number % 500 + 1,
        number % 5 + 1,
        number % 90
    );
    let _ = write!(out, "<shipping><method>{method}</method><address>Jl. Sudirman &amp; Thamrin \u{2116} ");
    let _ = write!(out, "{number}</address></shipping></order_details>");
}
