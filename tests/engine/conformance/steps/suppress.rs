//! `suppress`: fewer updates.

use serde_json::Value as Json;
use topo::{Codecs, Suppress};

use super::super::topology::{Handle, Steps};
use super::super::value::codec;
use super::codecs;

impl<'b> Steps<'b> {
    pub(in super::super) fn suppress(&mut self, step: &Json, name: &str) -> Result<Handle<'b>, String> {
        let most = step["max_records"].as_u64();
        if step["until"] == "window_closes" {
            let Handle::WindowedTable(table, of, keys) = self.handle(step, "from") else {
                return Err("suppress of other windows".to_owned());
            };
            let codecs = Codecs::new(keys.codec.clone(), codec(of));
            let made = match most {
                Some(most) => table.suppress_until_window_closes_within(name, codecs, most),
                None => table.suppress_until_window_closes(name, codecs),
            };
            return Ok(Handle::WindowedTable(made, of, keys));
        }
        let mut limits = Suppress::time_limit_ms(step["limit_ms"].as_i64().expect("a limit"));
        if let Some(most) = most {
            limits = limits.max_records(most);
        }
        // Kafka's own tests have it; the recorded corpus does not.
        if let Some(most) = step["max_bytes"].as_u64() {
            limits = limits.max_bytes(most);
        }
        if step["when_full"] == "shut_down" {
            limits = limits.shut_down_when_full();
        }
        match self.handle(step, "from") {
            Handle::Table(table, of) => Ok(Handle::Table(table.suppress(name, limits, codecs(of)), of)),
            Handle::WindowedTable(table, of, keys) => {
                let codecs = Codecs::new(keys.codec.clone(), codec(of));
                Ok(Handle::WindowedTable(table.suppress(name, limits, codecs), of, keys))
            }
            _ => Err("suppress of no table".to_owned()),
        }
    }
}
