//! The topic's keys may be null; the processor takes only keys that are not.

use topo::state::{i64_be, utf8};
use topo::{Builder, Context, Fault, Processor, Record, Topic};

struct Pass;

impl Processor for Pass {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = i64;
    fn process(&mut self, it: Record<String, i64>, ctx: &mut Context<'_, '_, String, i64>) -> Result<(), Fault> {
        ctx.forward(it)
    }
}

fn main() {
    let app = Builder::new("wrong");
    let orders: Topic<Option<String>, i64> = Topic::new("orders", utf8(), i64_be());
    let _ = app.stream("orders", &orders).process("pass", (), || Pass);
}
