//! Payload bytes in shared blocks: a small record costs no allocation of its own.

use bytes::{Bytes, BytesMut};

/// Small enough that a record which is kept for long keeps little else alive.
const BLOCK_BYTES: usize = 32 * 1024;

/// Copies byte strings into blocks and hands out shares of them.
#[derive(Default)]
pub(super) struct Blocks {
    block: BytesMut,
}

impl Blocks {
    /// A copy of these bytes.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if self.block.capacity() < bytes.len() {
            self.block = BytesMut::with_capacity(bytes.len().max(BLOCK_BYTES));
        }
        self.block.extend_from_slice(bytes);
        self.block.split().freeze()
    }
}
