//! Stream times, and how far the engine may cut its changelogs, as text beside the committed offsets: so that they survive the
//! loss of a task's directory.
//!
//! Times also stand in the directory's checkpoint; whichever is higher wins, because time never goes back. A cut stands here
//! only: what a changelog may have lost is a fact of the group, not of one directory.

use std::collections::BTreeMap;

use topo_state::Checkpoint;

/// Kafka refuses more than 4096 bytes (`offset.metadata.max.bytes`); some room is left for whoever lowered it a little.
const MAX_BYTES: usize = 3_500;
/// First character of the text; another one is another format, which is not read.
const FORMAT: char = '1';
/// What a cut begins with. Its number stands behind an `@`, where a version that knows no cuts sees no time: it does not pass on
/// what it does not keep up.
const CUT: &str = "cut:";

/// The text for these times and cuts, each cut with its store, and how many of the cuts, from the front, are in it. The
/// task's own time goes first, then the cuts; times that do not fit are left out: the checkpoint still has them.
pub(crate) fn encode<'c>(
    times: &BTreeMap<String, i64>,
    cuts: impl IntoIterator<Item = (&'c str, i64)>,
) -> (String, usize) {
    let mut out = String::from(FORMAT);
    // Names hold letters, digits, dots, dashes and underscores, and a colon behind their kind.
    let mut add = |entry: String| {
        let fits = out.len() + entry.len() <= MAX_BYTES;
        if fits {
            out.push_str(&entry);
        }
        fits
    };
    let time = |(name, time): (&String, &i64)| format!(" {name}={time}");
    let (task, others): (Vec<_>, Vec<_>) = times.iter().partition(|(name, _)| *name == "task");
    let _ = task.into_iter().map(time).all(&mut add);
    let cuts = cuts.into_iter().map(|(store, before)| format!(" {CUT}{store}@{before}"));
    let noted = cuts.take_while(|entry| add(entry.clone())).count();
    let _ = others.into_iter().map(time).all(&mut add);
    (out, noted)
}

/// Raises the times of a checkpoint to those of the text. Text that is not ours is ignored.
pub(crate) fn raise(checkpoint: &mut Checkpoint, text: &str) {
    for entry in entries(text) {
        let Some((name, time)) = entry.rsplit_once('=') else { continue };
        let Ok(time) = time.parse::<i64>() else { continue };
        let known = checkpoint.stream_times.entry(name.to_owned()).or_insert(time);
        *known = time.max(*known);
    }
}

/// The offset before which the changelog of a store may have been cut; `None` when the text says nothing of it, as that of
/// older versions.
pub(crate) fn cut(text: &str, store: &str) -> Option<i64> {
    let cuts = entries(text).filter_map(|entry| entry.strip_prefix(CUT)?.rsplit_once('@'));
    cuts.filter(|(name, _)| *name == store).find_map(|(_, before)| before.parse().ok())
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.strip_prefix(FORMAT).unwrap_or_default().split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_and_only_ever_rise() {
        let times = BTreeMap::from([("op:join".to_owned(), -5), ("task".to_owned(), i64::MAX)]);
        let mut checkpoint = Checkpoint::default();
        raise(&mut checkpoint, &encode(&times, []).0);
        assert_eq!(checkpoint.stream_times, times);
        raise(&mut checkpoint, "1 task=3 op:join=7");
        assert_eq!(checkpoint.stream_times["task"], i64::MAX);
        assert_eq!(checkpoint.stream_times["op:join"], 7);
    }

    #[test]
    fn too_many_times_leave_the_text_short_and_keep_the_tasks_own_and_the_cuts() {
        let mut times: BTreeMap<String, i64> = (0..1_000).map(|n| (format!("op:{n}"), n)).collect();
        times.insert("task".into(), 1);
        let (text, noted) = encode(&times, [("minutes", 7), ("hours", 0)]);
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert!(text.starts_with("1 task=1 cut:minutes@7 cut:hours@0 op:0=0 "), "{text}");
        assert_eq!(noted, 2);
    }

    #[test]
    fn of_too_many_cuts_those_that_are_in_the_text_are_counted() {
        let names: Vec<String> = (0..1_000).map(|n| format!("store-{n}")).collect();
        let (text, noted) = encode(&BTreeMap::new(), names.iter().map(|name| (name.as_str(), 5)));
        assert!(text.len() <= MAX_BYTES && (100..1_000).contains(&noted), "{noted} in {}", text.len());
        assert_eq!(cut(&text, &names[noted - 1]), Some(5));
        assert_eq!(cut(&text, &names[noted]), None);
    }

    #[test]
    fn cuts_read_back_and_are_no_times() {
        let (text, _) = encode(&BTreeMap::new(), [("a", 3), ("a-b", 1 << 40)]);
        assert_eq!((cut(&text, "a"), cut(&text, "a-b"), cut(&text, "b")), (Some(3), Some(1 << 40), None));
        let mut checkpoint = Checkpoint::default();
        raise(&mut checkpoint, &text);
        assert_eq!(checkpoint, Checkpoint::default());
    }

    #[test]
    fn foreign_text_is_ignored() {
        for text in ["", "2 task=3", "1 task", "1 task=x", "AgAAAX", "1", "2 cut:s@3", "1 cut:s@x", "1 cut:s"]
        {
            let mut checkpoint = Checkpoint::default();
            raise(&mut checkpoint, text);
            assert_eq!(checkpoint, Checkpoint::default(), "{text}");
            assert_eq!(cut(text, "s"), None, "{text}");
        }
    }
}
