//! The members of a group, by the one call that knows both group protocols.
//!
//! The safe wrapper only has the older call, to which a group of the newer protocol looks empty; then `topo reset`
//! would delete a running application. So this file, and no other, talks to the C interface.
#![expect(unsafe_code, reason = "the safe wrapper has no call that sees the members of every group")]

use std::ffi::{CStr, CString, c_char};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::react_to_code;
use crate::broker::{BrokerError, GroupMember};

/// Something of the C library that is destroyed with its owner.
struct Owned<T> {
    pointer: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        (!pointer.is_null()).then_some(Self { pointer, destroy })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the matching constructor, is not null, and is destroyed once.
        unsafe { (self.destroy)(self.pointer) }
    }
}

/// Members of a group; none when it does not exist.
pub(super) fn members<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    patience: Duration,
) -> Result<Vec<GroupMember>, BrokerError> {
    let doing = format!("asking for the members of group {group}");
    let silent = || BrokerError::Retriable(format!("{doing}: no broker answered"));
    let name = CString::new(group)
        .map_err(|_| BrokerError::Fatal(format!("{doing}: its name holds a zero byte")))?;
    let event = ask(client, &name, patience).ok_or_else(silent)?;
    // SAFETY: the event is alive; the library checks its type and answers null when it is another one.
    let (code, result) = unsafe {
        (
            c::rd_kafka_event_error(event.pointer),
            c::rd_kafka_event_DescribeConsumerGroups_result(event.pointer),
        )
    };
    if result.is_null() || Code::from(code) != Code::NoError {
        let code = Code::from(code);
        return Err(react_to_code(code, format!("{doing}: {code}")));
    }
    let mut count = 0;
    // SAFETY: the result belongs to the event, which outlives this function's use of it, and holds `count` groups.
    let first = unsafe {
        let groups = c::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if count == 0 { None } else { Some(*groups) }
    };
    first.map_or(Ok(Vec::new()), |description| read(description, &doing))
}

/// Sends the question and waits for the answer.
fn ask<C: ClientContext>(
    client: &Client<C>,
    group: &CString,
    patience: Duration,
) -> Option<Owned<c::rd_kafka_event_t>> {
    let patience_ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    let handle = client.native_ptr();
    // SAFETY: the client's handle lives as long as `client`; queue and options are destroyed after the call that uses
    // them; the array of names is read before the call returns.
    unsafe {
        let queue = Owned::new(c::rd_kafka_queue_new(handle), c::rd_kafka_queue_destroy)?;
        let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let options =
            Owned::new(c::rd_kafka_AdminOptions_new(handle, operation), c::rd_kafka_AdminOptions_destroy)?;
        let mut reason: [c_char; 128] = [0; 128];
        c::rd_kafka_AdminOptions_set_request_timeout(
            options.pointer,
            patience_ms,
            reason.as_mut_ptr(),
            reason.len(),
        );
        let mut names = [group.as_ptr()];
        c::rd_kafka_DescribeConsumerGroups(
            handle,
            names.as_mut_ptr(),
            names.len(),
            options.pointer,
            queue.pointer,
        );
        let event = c::rd_kafka_queue_poll(queue.pointer, patience_ms.saturating_add(1000));
        Owned::new(event, c::rd_kafka_event_destroy)
    }
}

fn read(
    description: *const c::rd_kafka_ConsumerGroupDescription_t,
    doing: &str,
) -> Result<Vec<GroupMember>, BrokerError> {
    // SAFETY: the description belongs to an event that the caller keeps alive; member indexes stay below the count.
    unsafe {
        let error = c::rd_kafka_ConsumerGroupDescription_error(description);
        let code = if error.is_null() { Code::NoError } else { Code::from(c::rd_kafka_error_code(error)) };
        match code {
            Code::NoError => {}
            Code::GroupIdNotFound => return Ok(Vec::new()),
            code => return Err(react_to_code(code, format!("{doing}: {code}"))),
        }
        let count = c::rd_kafka_ConsumerGroupDescription_member_count(description);
        Ok((0..count)
            .map(|index| {
                let member = c::rd_kafka_ConsumerGroupDescription_member(description, index);
                GroupMember {
                    member_id: text(c::rd_kafka_MemberDescription_consumer_id(member)),
                    client_id: text(c::rd_kafka_MemberDescription_client_id(member)),
                    host: text(c::rd_kafka_MemberDescription_host(member)),
                }
            })
            .collect())
    }
}

/// # Safety
/// `pointer` is null or a string that ends in zero and outlives the call.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
