//! The members of a group of the classic protocol, and who holds what, read from the assignments that its leader handed
//! out. To this call a group of the newer protocol looks empty; the broker itself refuses to delete it while it has members.
//!
//! The newer call of the client library knows both, but it aborts the whole process when a broker goes away while it
//! waits for the answer; this one is asked every other second for as long as a process lives.

use rdkafka::client::Client;
use rdkafka::groups::{GroupList, GroupMemberInfo};

use super::SLICE;
use super::reporter::Reporter;
use crate::broker::{BrokerError, GroupMember, Holder};
use crate::record::Partition;

/// The members of a group.
pub(super) fn members(client: &Client<Reporter>, group: &str) -> Result<Vec<GroupMember>, BrokerError> {
    let list = list(client, group, &format!("asking for the members of group {group}"))?;
    let members = list.groups().iter().filter(|it| it.name() == group).flat_map(|it| it.members());
    let named = |member: &GroupMemberInfo| GroupMember {
        member_id: member.id().to_owned(),
        client_id: member.client_id().to_owned(),
        host: member.client_host().to_owned(),
    };
    Ok(members.map(named).collect())
}

fn list(client: &Client<Reporter>, group: &str, doing: &str) -> Result<GroupList, BrokerError> {
    let list = client
        .fetch_group_list(Some(group), SLICE)
        .map_err(|error| BrokerError::Retriable(format!("{doing}: {error}")))?;
    client.context().answered();
    Ok(list)
}

/// The members of a group and what they hold.
pub(super) fn holders(client: &Client<Reporter>, group: &str) -> Result<Vec<Holder>, BrokerError> {
    let doing = format!("asking who holds what in group {group}");
    let list = list(client, group, &doing)?;
    let group = list.groups().iter().find(|it| it.name() == group);
    // While it waits for its members to join anew, Kafka 4.3.1 shows what they held before.
    let decided = group.is_some_and(|group| group.state() == "Stable");
    let members = group.into_iter().flat_map(|it| it.members());
    members
        .map(|member| {
            let held = match member.assignment().filter(|_| decided) {
                None | Some([]) => Vec::new(),
                Some(bytes) => read(bytes).ok_or_else(|| {
                    BrokerError::Retriable(format!("{doing}: an assignment could not be read"))
                })?,
            };
            Ok(Holder { client_id: member.client_id().to_owned(), held })
        })
        .collect()
}

/// Reads `version int16, [topic string, [partition int32]], ...`; what follows is of no interest.
fn read(bytes: &[u8]) -> Option<Vec<Partition>> {
    let mut bytes = Bytes(bytes);
    bytes.int16()?;
    let mut held = Vec::new();
    for _ in 0..bytes.int32()? {
        let length = usize::try_from(bytes.int16()?).ok()?;
        let topic: std::sync::Arc<str> = std::str::from_utf8(bytes.take(length)?).ok()?.into();
        for _ in 0..bytes.int32()? {
            held.push(Partition::new(topic.clone(), bytes.int32()?));
        }
    }
    Some(held)
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn int16(&mut self) -> Option<i16> {
        self.take(2)?.try_into().ok().map(i16::from_be_bytes)
    }

    fn int32(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_a_cut_one_is_refused() {
        let bytes = b"\0\x03\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x07\0\x02bc\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff";
        let held = vec![Partition::new("a", 0), Partition::new("a", 7), Partition::new("bc", 1)];
        assert_eq!(read(bytes), Some(held));
        assert!((0..bytes.len() - 4).all(|length| read(&bytes[..length]).is_none()));
    }
}
