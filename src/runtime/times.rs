//! Stream times as text beside the committed offsets, so that they survive the loss of a task's directory.
//!
//! They also stand in the directory's checkpoint; whichever is higher wins, because time never goes back.

use std::collections::BTreeMap;

use topo_state::Checkpoint;

/// Kafka refuses more than 4096 bytes (`offset.metadata.max.bytes`); some room is left for whoever lowered it a little.
const MAX_BYTES: usize = 3_500;
/// First character of the text; another one is another format, which is not read.
const FORMAT: char = '1';

/// The text for these times. Times that do not fit are left out, the task's own last: the checkpoint still has them.
pub(crate) fn encode(times: &BTreeMap<String, i64>) -> String {
    let mut out = String::from(FORMAT);
    let task_first = times.iter().filter(|(name, _)| *name == "task");
    let others = times.iter().filter(|(name, _)| *name != "task");
    for (name, time) in task_first.chain(others) {
        // Names hold letters, digits, dots, dashes and underscores, and a colon behind their kind.
        let entry = format!(" {name}={time}");
        if out.len() + entry.len() > MAX_BYTES {
            break;
        }
        out.push_str(&entry);
    }
    out
}

/// Raises the times of a checkpoint to those of the text. Text that is not ours is ignored.
pub(crate) fn raise(checkpoint: &mut Checkpoint, text: &str) {
    let Some(entries) = text.strip_prefix(FORMAT) else { return };
    for entry in entries.split_ascii_whitespace() {
        let Some((name, time)) = entry.rsplit_once('=') else { continue };
        let Ok(time) = time.parse::<i64>() else { continue };
        let known = checkpoint.stream_times.entry(name.to_owned()).or_insert(time);
        *known = time.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_and_only_ever_rise() {
        let times = BTreeMap::from([("op:join".to_owned(), -5), ("task".to_owned(), i64::MAX)]);
        let mut checkpoint = Checkpoint::default();
        raise(&mut checkpoint, &encode(&times));
        assert_eq!(checkpoint.stream_times, times);
        raise(&mut checkpoint, "1 task=3 op:join=7");
        assert_eq!(checkpoint.stream_times["task"], i64::MAX);
        assert_eq!(checkpoint.stream_times["op:join"], 7);
    }

    #[test]
    fn too_many_times_leave_the_text_short_and_keep_the_tasks_own() {
        let mut times: BTreeMap<String, i64> = (0..1_000).map(|n| (format!("op:{n}"), n)).collect();
        times.insert("task".into(), 1);
        let text = encode(&times);
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert!(text.starts_with("1 task=1 "), "{text}");
    }

    #[test]
    fn foreign_text_is_ignored() {
        for text in ["", "2 task=3", "1 task", "1 task=x", "AgAAAX", "1"] {
            let mut checkpoint = Checkpoint::default();
            raise(&mut checkpoint, text);
            assert_eq!(checkpoint, Checkpoint::default(), "{text}");
        }
    }
}
