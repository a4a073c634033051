//! Rights on a test broker. The client library of the project cannot change them, so the request is written by hand:
//! CreateAcls, version 1, of Kafka's protocol.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a right is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    Topic = 2,
    Group = 3,
    Cluster = 4,
    TransactionalId = 5,
}

/// What may be done with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    All = 2,
    Read = 3,
    Write = 4,
    Create = 5,
    Describe = 8,
}

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const LITERAL: i8 = 3;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

/// Denies an operation to everybody and allows the others by name: a resource with any rule is closed to the rest.
pub(super) fn deny(bootstrap: &str, resource: Resource, name: &str, operation: Operation) {
    let mut body = Vec::new();
    body.extend(2_i32.to_be_bytes());
    for (operation, permission) in [(operation, DENY), (Operation::All, ALLOW)] {
        body.push(resource as u8);
        text(&mut body, name);
        body.push(LITERAL as u8);
        text(&mut body, "User:ANONYMOUS");
        text(&mut body, "*");
        body.push(operation as u8);
        body.push(permission as u8);
    }
    let answer = ask(bootstrap, &body);
    // Correlation id, throttle time, count, then per rule an error code and a message.
    assert_eq!(answer[8..12], 2_i32.to_be_bytes(), "{answer:?}");
    assert_eq!(answer[12..14], [0, 0], "{}", String::from_utf8_lossy(&answer));
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(i16::try_from(text.len()).expect("a short text").to_be_bytes());
    out.extend(text.as_bytes());
}

fn ask(bootstrap: &str, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    text(&mut request, "test");
    request.extend(body);
    let mut stream = TcpStream::connect(bootstrap).expect("the broker listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(&u32::try_from(request.len()).expect("a short request").to_be_bytes()).expect("asking");
    stream.write_all(&request).expect("asking");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("the whole answer");
    answer
}
