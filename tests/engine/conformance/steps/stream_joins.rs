//! `stream_stream_join`: two streams within a window of time.

use serde_json::Value as Json;

use super::super::topology::{Handle, Steps};

impl<'b> Steps<'b> {
    pub(in super::super) fn stream_stream_join(
        &mut self,
        _step: &Json,
        _name: &str,
    ) -> Result<Handle<'b>, String> {
        Err("stream_stream_join".to_owned())
    }
}
