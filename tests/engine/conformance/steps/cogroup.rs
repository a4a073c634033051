//! `cogroup`: several streams into one aggregate.

use serde_json::Value as Json;

use super::super::topology::{Handle, Steps};

impl<'b> Steps<'b> {
    pub(in super::super) fn cogroup(&mut self, _step: &Json, _name: &str) -> Result<Handle<'b>, String> {
        Err("cogroup".to_owned())
    }
}
