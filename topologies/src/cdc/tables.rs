//! The five tables of the SALES schema as typed rows.
//!
//! A key or a column that is joined must be in the row (it may be NULL); the others may be absent and are
//! NULL then. A joined column that holds the placeholder takes the stored value.

use serde::{Deserialize, Serialize};

use super::error::DecodeError;
use super::row::{Cell, Row};
use crate::decimal::Decimal;

/// A row of ORDERS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Primary key.
    pub order_id: i64,
    /// The customer who ordered.
    pub customer_id: Option<i64>,
    /// Microseconds since 1970.
    pub order_date: Option<i64>,
    /// State of the order.
    pub status: Option<String>,
    /// Total in money.
    pub total_amount: Option<Decimal>,
    /// Shipping document (XML).
    pub shipping_info: Option<String>,
    /// Microseconds since 1970.
    pub created_at: Option<i64>,
    /// Microseconds since 1970.
    pub updated_at: Option<i64>,
}

/// A row of ORDER_ITEMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// Primary key.
    pub item_id: i64,
    /// The order it belongs to.
    pub order_id: Option<i64>,
    /// What was ordered.
    pub product_id: Option<i64>,
    /// How many.
    pub quantity: Option<i64>,
    /// Price of one.
    pub unit_price: Option<Decimal>,
    /// Price of all.
    pub subtotal: Option<Decimal>,
}

/// A row of CUSTOMERS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Primary key.
    pub customer_id: i64,
    /// Name of the customer.
    pub name: Option<String>,
    /// Mail address; not joined.
    pub email: Option<String>,
    /// GOLD, SILVER or BRONZE.
    pub tier: Option<String>,
    /// Region of the customer.
    pub region: Option<String>,
    /// Microseconds since 1970; not joined.
    pub created_at: Option<i64>,
}

/// A row of PRODUCTS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Primary key.
    pub product_id: i64,
    /// Name of the product.
    pub name: Option<String>,
    /// Category, the group of the revenue.
    pub category: Option<String>,
    /// List price; not joined.
    pub price: Option<Decimal>,
    /// Stock; not joined.
    pub stock_qty: Option<i64>,
    /// 1 when it is sold; not joined.
    pub is_active: Option<i64>,
}

/// A row of AUDIT_LOG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLog {
    /// Primary key.
    pub log_id: i64,
    /// Table that was changed.
    pub table_name: Option<String>,
    /// What was done.
    pub operation: Option<String>,
    /// Key of the row that was changed.
    pub record_id: Option<String>,
    /// Who did it.
    pub changed_by: Option<String>,
    /// Microseconds since 1970.
    pub changed_at: Option<i64>,
}

/// A typed row that knows how it is read.
pub trait TableRow: Sized {
    /// Name of the table in Oracle.
    const TABLE: &'static str;
    /// Name of its primary key column.
    const KEY: &'static str;

    /// Reads the row. A missing key or joined column, or a value of another type, is an error.
    fn from_row(row: &Row) -> Result<Self, DecodeError>;

    /// Takes the stored value of one column, which the event left out as unchanged.
    fn keep(&mut self, column: &str, stored: &Self);

    /// Reads the row; a column that holds the placeholder takes its stored value, NULL where none is stored.
    fn from_row_over(row: &Row, stored: Option<&Self>) -> Result<Self, DecodeError> {
        let mut read = Self::from_row(row)?;
        if let Some(stored) = stored {
            for column in row.unavailable() {
                read.keep(column, stored);
            }
        }
        Ok(read)
    }

    /// Reads the primary key from a key or a row.
    fn key_of(row: &Row) -> Result<i64, DecodeError> {
        row.int(Self::KEY)?.ok_or_else(|| DecodeError::wrong_type(Self::KEY, "a whole number", "null"))
    }
}

impl TableRow for Order {
    const TABLE: &'static str = "ORDERS";
    const KEY: &'static str = "ORDER_ID";

    fn from_row(row: &Row) -> Result<Order, DecodeError> {
        Ok(Order {
            order_id: Order::key_of(row)?,
            customer_id: row.int("CUSTOMER_ID")?,
            order_date: row.micros("ORDER_DATE")?,
            status: row.text("STATUS")?,
            total_amount: row.decimal("TOTAL_AMOUNT")?,
            shipping_info: unused(row, "SHIPPING_INFO", Row::text)?,
            created_at: unused(row, "CREATED_AT", Row::micros)?,
            updated_at: unused(row, "UPDATED_AT", Row::micros)?,
        })
    }

    fn keep(&mut self, column: &str, stored: &Order) {
        match column {
            "CUSTOMER_ID" => self.customer_id = stored.customer_id,
            "ORDER_DATE" => self.order_date = stored.order_date,
            "STATUS" => self.status.clone_from(&stored.status),
            "TOTAL_AMOUNT" => self.total_amount = stored.total_amount,
            "SHIPPING_INFO" => self.shipping_info.clone_from(&stored.shipping_info),
            "CREATED_AT" => self.created_at = stored.created_at,
            "UPDATED_AT" => self.updated_at = stored.updated_at,
            _ => {}
        }
    }
}

impl TableRow for OrderItem {
    const TABLE: &'static str = "ORDER_ITEMS";
    const KEY: &'static str = "ITEM_ID";

    fn from_row(row: &Row) -> Result<OrderItem, DecodeError> {
        Ok(OrderItem {
            item_id: OrderItem::key_of(row)?,
            order_id: row.int("ORDER_ID")?,
            product_id: row.int("PRODUCT_ID")?,
            quantity: row.int("QUANTITY")?,
            unit_price: row.decimal("UNIT_PRICE")?,
            subtotal: row.decimal("SUBTOTAL")?,
        })
    }

    fn keep(&mut self, column: &str, stored: &OrderItem) {
        match column {
            "ORDER_ID" => self.order_id = stored.order_id,
            "PRODUCT_ID" => self.product_id = stored.product_id,
            "QUANTITY" => self.quantity = stored.quantity,
            "UNIT_PRICE" => self.unit_price = stored.unit_price,
            "SUBTOTAL" => self.subtotal = stored.subtotal,
            _ => {}
        }
    }
}

impl TableRow for Customer {
    const TABLE: &'static str = "CUSTOMERS";
    const KEY: &'static str = "CUSTOMER_ID";

    fn from_row(row: &Row) -> Result<Customer, DecodeError> {
        Ok(Customer {
            customer_id: Customer::key_of(row)?,
            name: row.text("NAME")?,
            email: unused(row, "EMAIL", Row::text)?,
            tier: row.text("TIER")?,
            region: row.text("REGION")?,
            created_at: unused(row, "CREATED_AT", Row::micros)?,
        })
    }

    fn keep(&mut self, column: &str, stored: &Customer) {
        match column {
            "NAME" => self.name.clone_from(&stored.name),
            "EMAIL" => self.email.clone_from(&stored.email),
            "TIER" => self.tier.clone_from(&stored.tier),
            "REGION" => self.region.clone_from(&stored.region),
            "CREATED_AT" => self.created_at = stored.created_at,
            _ => {}
        }
    }
}

impl TableRow for Product {
    const TABLE: &'static str = "PRODUCTS";
    const KEY: &'static str = "PRODUCT_ID";

    fn from_row(row: &Row) -> Result<Product, DecodeError> {
        Ok(Product {
            product_id: Product::key_of(row)?,
            name: row.text("NAME")?,
            category: row.text("CATEGORY")?,
            price: unused(row, "PRICE", Row::decimal)?,
            stock_qty: unused(row, "STOCK_QTY", Row::int)?,
            is_active: unused(row, "IS_ACTIVE", Row::int)?,
        })
    }

    fn keep(&mut self, column: &str, stored: &Product) {
        match column {
            "NAME" => self.name.clone_from(&stored.name),
            "CATEGORY" => self.category.clone_from(&stored.category),
            "PRICE" => self.price = stored.price,
            "STOCK_QTY" => self.stock_qty = stored.stock_qty,
            "IS_ACTIVE" => self.is_active = stored.is_active,
            _ => {}
        }
    }
}

impl TableRow for AuditLog {
    const TABLE: &'static str = "AUDIT_LOG";
    const KEY: &'static str = "LOG_ID";

    fn from_row(row: &Row) -> Result<AuditLog, DecodeError> {
        Ok(AuditLog {
            log_id: AuditLog::key_of(row)?,
            table_name: unused(row, "TABLE_NAME", Row::text)?,
            operation: unused(row, "OPERATION", Row::text)?,
            record_id: unused(row, "RECORD_ID", Row::text)?,
            changed_by: unused(row, "CHANGED_BY", Row::text)?,
            changed_at: unused(row, "CHANGED_AT", Row::micros)?,
        })
    }

    fn keep(&mut self, column: &str, stored: &AuditLog) {
        match column {
            "TABLE_NAME" => self.table_name.clone_from(&stored.table_name),
            "OPERATION" => self.operation.clone_from(&stored.operation),
            "RECORD_ID" => self.record_id.clone_from(&stored.record_id),
            "CHANGED_BY" => self.changed_by.clone_from(&stored.changed_by),
            "CHANGED_AT" => self.changed_at = stored.changed_at,
            _ => {}
        }
    }
}

/// Reads a column that may be absent.
fn unused<T>(
    row: &Row,
    column: &str,
    read: impl FnOnce(&Row, &str) -> Result<Option<T>, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if *row.cell(column) == Cell::Absent { Ok(None) } else { read(row, column) }
}
