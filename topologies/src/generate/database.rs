//! The simulated Oracle database: rows, transactions and the changes they leave in the log.
//!
//! Rows refer only to rows that exist. A customer or product that may be deleted is one that nothing refers
//! to: some new ones are kept out of orders for that.

use rand::Rng;
use rand::rngs::StdRng;

use super::WireRecord;
use super::pool::Pool;
use super::rows::{AuditRow, Clob, CustomerRow, ItemRow, OrderRow, ProductRow, SourceRow};
use super::template::Table;
use super::writer::{Change, Origin, Writer};

/// Largest number of items of an order; bounds the size of a transaction.
pub(super) const ITEMS_MAX: usize = 8;

const SNAPSHOT_SCN: u64 = 2_100_000;
const TIERS: [&str; 3] = ["GOLD", "SILVER", "BRONZE"];
const STATUSES: [&str; 5] = ["PENDING", "PAID", "SHIPPED", "DELIVERED", "CANCELLED"];
const REGIONS: [&str; 5] = ["Jakarta", "Bandung", "Surabaya", "Medan", "Makassar"];
const CATEGORIES: [&str; 6] = ["BEVERAGE", "FOOD", "ELECTRONICS", "FASHION", "BOOKS", "TOYS"];
const NAMES: [&str; 6] = [
    "John Doe",
    "Siti Nurhaliza",
    "Budi \\\"Bud\\\" Santoso",
    "D\u{e9}wi Lestari",
    "Agus Wijaya",
    "Rina \\u65e5",
];
const PRODUCTS: [&str; 5] = ["Kopi Luwak 250g", "Batik \\/ Solo", "Radio 3\\\"", "Teh \u{65e5}", "Sepatu"];

/// The rows of the five tables and the clock of the database.
pub(super) struct Database {
    rng: StdRng,
    writer: Writer,
    customers: Pool<CustomerRow>,
    idle_customers: Pool<CustomerRow>,
    products: Pool<ProductRow>,
    idle_products: Pool<ProductRow>,
    orders: Pool<OrderRow>,
    items: Pool<ItemRow>,
    deleted_orders: Vec<i64>,
    ids: [i64; 5],
    scn: u64,
    sequence: i64,
    now_ms: i64,
    out: Vec<(Table, WireRecord)>,
}

impl Database {
    pub(super) fn new(rng: StdRng, writer: Writer) -> Database {
        Database {
            rng,
            writer,
            customers: Pool::new(),
            idle_customers: Pool::new(),
            products: Pool::new(),
            idle_products: Pool::new(),
            orders: Pool::new(),
            items: Pool::new(),
            deleted_orders: Vec::new(),
            ids: [1_000, 9_000, 500, 100, 70_000],
            scn: SNAPSHOT_SCN,
            sequence: 0,
            now_ms: 0,
            out: Vec::new(),
        }
    }

    /// Snapshot rows of the dimensions, as they were before the log begins.
    pub(super) fn snapshot(
        &mut self,
        customers: u64,
        products: u64,
        now_ms: i64,
    ) -> Vec<(Table, WireRecord)> {
        self.now_ms = now_ms;
        for number in 0..customers {
            let row = self.new_customer();
            self.read(&row, snapshot_phase(number, customers));
            self.customers.put(row);
        }
        for number in 0..products {
            let row = self.new_product();
            self.read(&row, snapshot_phase(number, products));
            self.products.put(row);
        }
        std::mem::take(&mut self.out)
    }

    /// Runs one transaction; its first change is of the given table.
    pub(super) fn transaction(&mut self, table: Table, now_ms: i64) -> Vec<(Table, WireRecord)> {
        self.now_ms = now_ms;
        self.scn += self.rng.random_range(2..12);
        self.sequence = 0;
        let draw = self.rng.random_range(0..100);
        match table {
            Table::Orders => match draw {
                0..70 => self.insert_order(),
                70..95 => self.update_order(),
                _ => self.delete_order(),
            },
            Table::OrderItems => match draw {
                // Most items come and go with their order, so these rates differ from those of the table.
                0..40 => self.insert_item_somewhere(),
                40..97 => self.update_item(),
                _ => self.delete_some_item(),
            },
            Table::Customers => match draw {
                0..20 => self.insert_customer(),
                20..95 => self.update_customer(),
                _ => self.delete_customer(),
            },
            Table::Products => match draw {
                0..10 => self.insert_product(),
                10..95 => self.update_product(),
                _ => self.delete_product(),
            },
            Table::AuditLog => self.insert_audit(),
        }
        std::mem::take(&mut self.out)
    }

    /// Reads one row again, as an incremental snapshot does.
    pub(super) fn incremental_read(&mut self, now_ms: i64) -> Vec<(Table, WireRecord)> {
        self.now_ms = now_ms;
        if let Some(row) = pick(&mut self.rng, &self.orders).cloned() {
            self.read(&row, "incremental");
        }
        std::mem::take(&mut self.out)
    }

    fn insert_order(&mut self) {
        let Some(customer) = self.some_customer() else { return self.insert_customer() };
        let again = self.rng.random_range(0..200) == 0;
        let id = again.then(|| self.deleted_orders.pop()).flatten();
        let id = id.unwrap_or_else(|| self.next_id(Table::Orders));
        let now_us = self.now_us();
        let row = OrderRow {
            id,
            customer,
            date: self.order_date(),
            status: "PENDING",
            total_cents: self.total_cents(),
            shipping: self.rng.random_range(0..10_000),
            created: now_us,
            updated: None,
            items: Vec::new(),
        };
        self.log('c', id, None, Some((&row, Clob::Text)));
        self.orders.put(row);
        for _ in 0..self.rng.random_range(0..3) {
            self.insert_item(id);
        }
    }

    fn update_order(&mut self) {
        let Some(before) = pick(&mut self.rng, &self.orders).cloned() else { return self.insert_order() };
        let mut row = before.clone();
        match self.rng.random_range(0..100) {
            0..60 => row.status = STATUSES[self.rng.random_range(0..STATUSES.len())],
            60..85 => row.total_cents = self.total_cents(),
            85..90 => row.customer = self.some_customer().unwrap_or(row.customer),
            90..94 => row.date = self.order_date(),
            _ => row.shipping = self.rng.random_range(0..10_000),
        }
        row.updated = Some(self.now_us());
        let clob = if row.shipping == before.shipping { Clob::Unchanged } else { Clob::Text };
        self.log('u', row.id, Some((&before, Clob::Unchanged)), Some((&row, clob)));
        self.orders.put(row);
    }

    fn delete_order(&mut self) {
        let Some(row) = pick(&mut self.rng, &self.orders).cloned() else { return self.insert_order() };
        for item in &row.items {
            self.delete_item(*item);
        }
        self.orders.remove(row.id);
        self.deleted_orders.push(row.id);
        self.log('d', row.id, Some((&row, Clob::Unchanged)), None);
    }

    fn insert_item_somewhere(&mut self) {
        match pick(&mut self.rng, &self.orders).map(|order| (order.id, order.items.len())) {
            Some((order, items)) if items < ITEMS_MAX => self.insert_item(order),
            Some(_) => self.update_item(),
            None => self.insert_order(),
        }
    }

    fn insert_item(&mut self, order: i64) {
        let Some(product) = self.some_product() else { return self.insert_product() };
        let row = ItemRow {
            id: self.next_id(Table::OrderItems),
            order,
            product,
            quantity: self.rng.random_range(1..6),
            price_cents: self.rng.random_range(99..500_000),
            has_subtotal: self.rng.random_range(0..200) > 0,
        };
        if let Some(order) = self.orders.get_mut(order) {
            order.items.push(row.id);
        }
        self.log('c', row.id, None, Some((&row, Clob::Text)));
        self.items.put(row);
    }

    fn update_item(&mut self) {
        let Some(before) = pick(&mut self.rng, &self.items).cloned() else {
            return self.insert_item_somewhere();
        };
        let mut row = before.clone();
        match self.rng.random_range(0..100) {
            0..70 => row.quantity = self.rng.random_range(1..6),
            70..90 => row.price_cents = self.rng.random_range(99..500_000),
            90..95 => row.product = self.some_product().unwrap_or(row.product),
            _ => row.order = self.order_with_room().unwrap_or(row.order),
        }
        if row.order != before.order {
            self.forget_item(before.order, row.id);
            if let Some(order) = self.orders.get_mut(row.order) {
                order.items.push(row.id);
            }
        }
        self.log('u', row.id, Some((&before, Clob::Text)), Some((&row, Clob::Text)));
        self.items.put(row);
    }

    fn delete_some_item(&mut self) {
        match pick(&mut self.rng, &self.items).map(|item| item.id) {
            Some(id) => self.delete_item(id),
            None => self.insert_item_somewhere(),
        }
    }

    fn delete_item(&mut self, id: i64) {
        let Some(row) = self.items.remove(id) else { return };
        self.forget_item(row.order, id);
        self.log('d', id, Some((&row, Clob::Text)), None);
    }

    fn forget_item(&mut self, order: i64, item: i64) {
        if let Some(order) = self.orders.get_mut(order) {
            order.items.retain(|id| *id != item);
        }
    }

    fn insert_customer(&mut self) {
        let row = self.new_customer();
        self.log('c', row.id, None, Some((&row, Clob::Text)));
        let pool =
            if self.rng.random_range(0..10) < 3 { &mut self.idle_customers } else { &mut self.customers };
        pool.put(row);
    }

    fn update_customer(&mut self) {
        let Some(before) = pick(&mut self.rng, &self.customers).cloned() else {
            return self.insert_customer();
        };
        let mut row = before.clone();
        match self.rng.random_range(0..100) {
            0..50 => row.mail = (self.rng.random_range(0..10) > 0).then(|| self.rng.random_range(0..100)),
            50..75 => row.tier = self.tier(),
            75..90 => row.region = REGIONS[self.rng.random_range(0..REGIONS.len())],
            _ => row.name = NAMES[self.rng.random_range(0..NAMES.len())],
        }
        self.log('u', row.id, Some((&before, Clob::Text)), Some((&row, Clob::Text)));
        self.customers.put(row);
    }

    fn delete_customer(&mut self) {
        let id = pick(&mut self.rng, &self.idle_customers).map(|row| row.id);
        match id.and_then(|id| self.idle_customers.remove(id)) {
            Some(row) => self.log('d', row.id, Some((&row, Clob::Text)), None),
            None => self.update_customer(),
        }
    }

    fn insert_product(&mut self) {
        let row = self.new_product();
        self.log('c', row.id, None, Some((&row, Clob::Text)));
        let pool =
            if self.rng.random_range(0..10) < 6 { &mut self.idle_products } else { &mut self.products };
        pool.put(row);
    }

    fn update_product(&mut self) {
        let Some(before) = pick(&mut self.rng, &self.products).cloned() else { return self.insert_product() };
        let mut row = before.clone();
        match self.rng.random_range(0..100) {
            0..60 => row.stock = self.rng.random_range(0..1_000),
            60..85 => row.price_cents = self.rng.random_range(99..500_000),
            85..92 => row.category = Some(CATEGORIES[self.rng.random_range(0..CATEGORIES.len())]),
            _ => row.active = 1 - row.active,
        }
        self.log('u', row.id, Some((&before, Clob::Text)), Some((&row, Clob::Text)));
        self.products.put(row);
    }

    fn delete_product(&mut self) {
        let id = pick(&mut self.rng, &self.idle_products).map(|row| row.id);
        match id.and_then(|id| self.idle_products.remove(id)) {
            Some(row) => self.log('d', row.id, Some((&row, Clob::Text)), None),
            None => self.update_product(),
        }
    }

    fn insert_audit(&mut self) {
        let row = AuditRow {
            id: self.next_id(Table::AuditLog),
            table: "ORDERS",
            operation: ["INSERT", "UPDATE", "DELETE"][self.rng.random_range(0..3)],
            record: self.rng.random_range(1_000..9_000),
            changed: self.now_us(),
        };
        self.log('c', row.id, None, Some((&row, Clob::Text)));
    }

    fn new_customer(&mut self) -> CustomerRow {
        CustomerRow {
            id: self.next_id(Table::Customers),
            name: NAMES[self.rng.random_range(0..NAMES.len())],
            mail: Some(self.rng.random_range(0..100)),
            tier: self.tier(),
            region: REGIONS[self.rng.random_range(0..REGIONS.len())],
            created: self.now_us(),
        }
    }

    fn new_product(&mut self) -> ProductRow {
        let known = self.rng.random_range(0..100) > 0;
        ProductRow {
            id: self.next_id(Table::Products),
            name: PRODUCTS[self.rng.random_range(0..PRODUCTS.len())],
            category: known.then(|| CATEGORIES[self.rng.random_range(0..CATEGORIES.len())]),
            price_cents: self.rng.random_range(99..500_000),
            stock: self.rng.random_range(0..1_000),
            active: 1,
        }
    }

    fn some_customer(&mut self) -> Option<i64> {
        pick_mostly_any(&mut self.rng, &self.customers).map(|row| row.id)
    }

    fn some_product(&mut self) -> Option<i64> {
        pick_mostly_any(&mut self.rng, &self.products).map(|row| row.id)
    }

    fn order_with_room(&mut self) -> Option<i64> {
        pick(&mut self.rng, &self.orders).filter(|order| order.items.len() < ITEMS_MAX).map(|order| order.id)
    }

    fn tier(&mut self) -> Option<&'static str> {
        let known = self.rng.random_range(0..50) > 0;
        known.then(|| TIERS[self.rng.random_range(0..TIERS.len())])
    }

    /// One order in about thirteen is above 10,000.00.
    fn total_cents(&mut self) -> i64 {
        let high = self.rng.random_range(0..12) == 0;
        self.rng.random_range(if high { 1_000_000..5_000_000 } else { 500..1_000_001 })
    }

    /// Mostly now; sometimes unknown, sometimes before 1970.
    fn order_date(&mut self) -> Option<i64> {
        match self.rng.random_range(0..500) {
            0 => None,
            1 => Some(-self.rng.random_range(1..1_000_000_000)),
            _ => Some(self.now_us() - self.rng.random_range(0..120_000_000)),
        }
    }

    fn next_id(&mut self, table: Table) -> i64 {
        self.ids[table as usize] += 1;
        self.ids[table as usize]
    }

    fn now_us(&self) -> i64 {
        self.now_ms * 1_000
    }

    fn read<R: SourceRow>(&mut self, row: &R, phase: &'static str) {
        let origin = Origin::Snapshot { scn: self.scn, phase };
        let change =
            Change { op: 'r', before: None, after: Some((row, Clob::Text)), origin, now_ms: self.now_ms };
        self.out.push((R::TABLE, self.writer.change(row.id(), &change)));
    }

    fn log<R: SourceRow>(
        &mut self,
        op: char,
        id: i64,
        before: Option<(&R, Clob)>,
        after: Option<(&R, Clob)>,
    ) {
        self.sequence += 1;
        // The change is older than its commit, so SCNs alone are not monotonic in a topic.
        let scn = self.scn - self.rng.random_range(0..40);
        let origin = Origin::Log { scn, commit_scn: self.scn, sequence: self.sequence };
        let change = Change { op, before, after, origin, now_ms: self.now_ms };
        self.out.push((R::TABLE, self.writer.change(id, &change)));
        if op == 'd' {
            self.out.push((R::TABLE, self.writer.tombstone(R::TABLE, id, self.now_ms)));
        }
    }
}

fn pick<'a, R: SourceRow>(rng: &mut StdRng, pool: &'a Pool<R>) -> Option<&'a R> {
    if pool.len() == 0 { None } else { pool.at(rng.random_range(0..pool.len())) }
}

/// One time in five a row of the ten newest: what is new is used at once, before other topics catch up.
fn pick_mostly_any<'a, R: SourceRow>(rng: &mut StdRng, pool: &'a Pool<R>) -> Option<&'a R> {
    if rng.random_range(0..5) > 0 {
        return pick(rng, pool);
    }
    pool.at(pool.len().checked_sub(1 + rng.random_range(0..pool.len().clamp(1, 10)))?)
}

fn snapshot_phase(number: u64, count: u64) -> &'static str {
    match number {
        0 => "first_in_data_collection",
        last if last + 1 == count => "last_in_data_collection",
        _ => "true",
    }
}
