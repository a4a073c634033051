//! Headers within the rows of a store: buffers keep them beside the value.

use topo_state::CodecError;

use crate::record::{Header, Headers};

/// Number of headers, then each as name and value with their lengths; a null value has length -1. All in 4 bytes.
pub(crate) fn write_headers(headers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    for header in headers {
        out.extend_from_slice(&(header.name.len() as u32).to_be_bytes());
        out.extend_from_slice(header.name.as_bytes());
        let length = header.value.as_ref().map_or(-1, |value| value.len() as i32);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(header.value.as_deref().unwrap_or_default());
    }
}

/// Reads from the front of a row.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    id: &'a str,
    length: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], id: &'a str) -> Self {
        Self { rest: bytes, id, length: bytes.len() }
    }

    pub(crate) fn wrong(&self, why: &str) -> CodecError {
        CodecError::new(self.id, self.length, why)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.wrong("cut short"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.wrong("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn headers(&mut self) -> Result<Headers, CodecError> {
        let count = u32::from_be_bytes(self.take()?);
        (0..count).map(|_| self.header()).collect()
    }

    fn header(&mut self) -> Result<Header, CodecError> {
        let length = u32::from_be_bytes(self.take()?) as usize;
        let name = String::from_utf8_lossy(self.bytes(length)?).into_owned();
        let value = match i32::from_be_bytes(self.take()?) {
            length if length < 0 => None,
            length => Some(self.bytes(length as usize)?.to_vec().into()),
        };
        Ok(Header { name, value })
    }
}
