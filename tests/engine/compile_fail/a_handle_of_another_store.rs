//! A processor that reads counts is given the handle of a store of texts.

use topo::state::{KeyValueStore, i64_be, utf8};
use topo::{Builder, Context, Fault, KeyValue, Processor, Record, StoreHandle, Topic};

struct Seen(StoreHandle<KeyValueStore<String, i64>>);

impl Processor for Seen {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;
    fn process(&mut self, it: Record<String, i64>, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        ctx.store(self.0)?.put(&it.key, it.value, it.timestamp)?;
        ctx.forward(it)
    }
}

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    let names = app.store(KeyValue::new("names", utf8(), utf8()));
    let _ = app.stream("orders", &orders).process("seen", names, move || Seen(names));
}
