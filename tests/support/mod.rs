//! Real services for tests, shared by the test binaries of all packages through `#[path]`.
//!
//! A service that cannot be had fails the test that wants it, with the reason; nothing is skipped.

// Not every test binary uses every service.
#![allow(dead_code)]

pub(crate) mod acl;
pub(crate) mod chance;
pub(crate) mod kafka;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod scratch;
