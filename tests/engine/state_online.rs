//! Looks into the stores of running processes, on a real Kafka: the same answers as from the disk afterwards.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, NewTopic, Outgoing, ProducerConfig};
use topo::cli::{
    Application, Catalogue, Console, Entry, Exit, Failure, Invocation, TopologyApplication, execute,
};
use topo::config::Settings;
use topo::state::{i64_be, utf8};
use topo::{
    Builder, Codecs, Headers, KeyValue, Session, SessionValue, Topic, Topology, Tumbling, WindowValue,
    partition_of,
};

use crate::golden::same_as_golden;
use crate::support::kafka::Kafka;

const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// Words counted in three ways: for ever, in windows, in sessions. And prices, with those of a moment before.
fn counted() -> Topology {
    let app = Builder::new("words");
    let words: Topic<String, String> = Topic::new(topic(), utf8(), utf8());
    let grouped = app.stream("words", &words).group_by_key("by-word", Codecs::new(utf8(), utf8()));
    let _ = grouped.count("count", KeyValue::new("totals", utf8(), i64_be()));
    let _ = grouped
        .windowed(Tumbling::of_ms(60_000).grace_ms(1_000))
        .count("count-windows", WindowValue::new("by-minute", utf8(), i64_be()));
    let _ = grouped
        .sessions(Session::gap_ms(5_000).grace_ms(1_000))
        .count("count-sessions", SessionValue::new("visits", utf8(), i64_be()));
    let prices: Topic<String, Option<i64>> = Topic::new(prices(), utf8(), i64_be());
    let _ = app.table("prices", &prices, KeyValue::new("then", utf8(), i64_be()).history_ms(30_000));
    app.build().unwrap()
}

/// A name of this run.
fn topic() -> String {
    format!("words-looked-at-{}", std::process::id())
}

fn prices() -> String {
    format!("{}-prices", topic())
}

fn make(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    Ok(Box::new(TopologyApplication::new(counted(), settings, "words")?))
}

fn catalogue() -> Catalogue {
    let words = Entry { name: "words", about: "Counts words.", keys: &[], make };
    Catalogue { entries: vec![words], ..Catalogue::default() }
}

/// What a person sees of a command.
struct Seen {
    exit: Exit,
    out: String,
    err: String,
}

fn topo(line: &str, more: &[String]) -> Seen {
    let args = line.split_whitespace().map(Into::into).chain(more.iter().map(Into::into)).collect();
    let (mut input, mut out, mut err) = (Cursor::new(b""), Vec::new(), Vec::new());
    let mut console = Console { input: &mut input, out: &mut out, err: &mut err, terminal: false };
    let exit = execute(&catalogue(), &Invocation { args, ..Invocation::default() }, &mut console);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Seen { exit, out: text(out), err: text(err) }
}

/// A process of the application, within this one.
struct Running {
    address: String,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Exit>,
}

struct Tee(Sender<String>);

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Running {
    fn start(settings: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let args =
            ["topo", "run", "words"].map(Into::into).into_iter().chain(settings.iter().map(Into::into));
        let invocation = Invocation { args: args.collect(), stop: stop.clone(), ..Invocation::default() };
        let (sender, printed) = channel();
        let thread = std::thread::spawn(move || {
            let (mut input, mut out, mut err) = (Cursor::new(b""), Tee(sender), std::io::sink());
            let mut console = Console { input: &mut input, out: &mut out, err: &mut err, terminal: false };
            execute(&catalogue(), &invocation, &mut console)
        });
        let line = printed.recv_timeout(PATIENCE).unwrap();
        let address = line.trim_end().rsplit_once("http://").unwrap().1.to_owned();
        Self { address, stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Relaxed);
        assert_eq!(self.thread.join().unwrap(), Exit::Ok);
    }
}

/// Where a scenario's processes keep their state, and on which broker.
fn settings(dir: &tempfile::TempDir, process: &str) -> Vec<String> {
    let set = |key: &str, value: &str| ["--set".to_owned(), format!("{key}={value}")];
    [
        ["--state-dir".to_owned(), dir.path().join(process).display().to_string()],
        set("bootstrap.servers", Kafka::shared().bootstrap()),
        set("application.id", &topic()),
        set("http.host", "127.0.0.1"),
        set("workers", "1"),
        set("session.timeout.ms", "6s"),
        set("heartbeat.interval.ms", "500ms"),
        set("replication.factor", "1"),
        set("group.instance.id", process),
    ]
    .concat()
}

/// When it begins.
const BEGIN: i64 = 1_600_000_020_000;

fn make_topics(broker: &KafkaBroker) {
    for name in [topic(), prices()] {
        let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let new = NewTopic { name, partitions: PARTITIONS, replication: 1, settings };
        broker.admin().unwrap().create(&[new]).unwrap().remove(0).unwrap();
    }
}

/// Writes a key and a value at a time after the beginning.
fn write(broker: &KafkaBroker, records: &[(&str, &str, &[u8], i64)]) {
    let config = ProducerConfig {
        client_id: "test".into(),
        transactional_id: None,
        transaction_timeout: Duration::from_secs(10),
        linger: Duration::from_millis(1),
    };
    let mut producer = broker.producer(&config).unwrap();
    for (topic, key, value, time) in records {
        let record = Outgoing {
            topic,
            partition: partition_of(key.as_bytes(), PARTITIONS),
            key: Some(key.as_bytes()),
            value: Some(value),
            timestamp: BEGIN + time,
            headers: &Headers::new(),
            slot: None,
        };
        producer.send(record).unwrap();
    }
    while producer.in_flight() > 0 {
        assert!(producer.delivered(Duration::from_millis(10)).failure.is_none());
    }
}

fn write_words(broker: &KafkaBroker) {
    let words = ["ant", "bee", "cow", "dog", "ant", "bee", "ant"];
    for (time, word) in (0..).step_by(20_000).zip(words) {
        write(broker, &[(&topic(), word, b"", time), (&prices(), "pie", &time.to_be_bytes(), time)]);
    }
}

/// Asks until the answer is as wanted.
fn eventually(line: &str, more: &[String], wanted: impl Fn(&Seen) -> bool) -> Seen {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = topo(line, more);
        if wanted(&seen) {
            return seen;
        }
        let Seen { exit, out, err } = seen;
        assert!(Instant::now() < deadline, "{line} stays {exit:?}\n{out}{err}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Estimates, and offsets among which control records lie, say how many commits there were.
fn uncounted(out: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some((name @ ("    \"checkpoint\"" | "    \"rows\""), _)) => format!("{name}: N,\n"),
        _ => format!("{line}\n"),
    };
    out.lines().map(line).collect()
}

const LOOKS: [&str; 7] = [
    "topo state list words",
    "topo state list words --format json",
    "topo state scan words totals",
    "topo state scan words by-minute",
    "topo state scan words visits",
    "topo state get words totals ant",
    "topo state get words totals emu",
];

#[test]
fn a_running_process_answers_for_its_stores_as_the_disk_does_afterwards() {
    let broker = KafkaBroker::new(Kafka::shared().bootstrap(), BTreeMap::new());
    make_topics(&broker);
    write_words(&broker);
    let dir = tempfile::tempdir().unwrap();
    let first = settings(&dir, "first");
    let one = Running::start(&first);
    let at = |process: &Running| [first.as_slice(), &["--at".to_owned(), process.address.clone()]].concat();
    let all = |seen: &Seen| seen.out.lines().count() == 4 && seen.out.contains("\"value\":3");
    eventually("topo state scan words totals", &at(&one), all);

    let newest = |seen: &Seen| seen.out.contains("\"value\":120000,\"version\":1600000140000");
    eventually("topo state get words then pie", &at(&one), newest);

    let online = LOOKS.map(|line| (line, topo(line, &at(&one))));
    let page = online.iter().fold(String::new(), |page, (line, Seen { exit, out, err })| {
        page + &format!("$ {line} --at HOST:PORT\n{}{err}exit {}\n\n", uncounted(out), *exit as u8)
    });
    same_as_golden("tests/engine/golden/cli-state-online.txt", &page);
    for (line, seen) in &online {
        let found = topo(line, &[first.as_slice(), &["--online".to_owned()]].concat());
        assert_eq!(
            (found.exit, &found.out, &found.err),
            (seen.exit, &seen.out, &seen.err),
            "{line} --online"
        );
    }
    let busy = topo("topo state list words", &first);
    assert!(
        busy.exit == Exit::State && busy.err.contains("--online") && busy.err.contains("--at"),
        "{}",
        busy.err
    );
    for (line, said) in [
        ("topo state scan words totlas", "there is no store `totlas`; there are: totals, by-minute, visits"),
        ("topo state scan words totals --task words-7", "there is no task `words-7` with store `totals`"),
    ] {
        let refused = topo(line, &at(&one));
        assert!(refused.exit == Exit::State && refused.err.contains(said), "{line}: {}", refused.err);
    }

    // Half of the tasks go to another process: the first one says where they are, and both together show all.
    let two = Running::start(&settings(&dir, "second"));
    let half = |seen: &Seen| seen.err.contains("runs on process second") && seen.err.contains(&two.address);
    let seen = eventually("topo state list words", &at(&one), half);
    let whole = |seen: &Seen| seen.out.lines().count() == 9 && seen.err.is_empty();
    assert!(!whole(&seen), "{}", seen.out);
    let both = eventually("topo state list words --online", &first, whole);
    assert_eq!(both.out, online[0].1.out);
    two.stop();
    eventually("topo state list words", &at(&one), whole);
    // The next price takes those with it that nobody can ask for any more.
    write(&broker, &[(&prices(), "pie", &1_i64.to_be_bytes(), 140_000)]);
    let replaced = |seen: &Seen| !seen.out.contains("\"version\":1600000040000");
    eventually("topo state get words then pie", &at(&one), replaced);
    one.stop();

    // What RocksDB estimates, and where control records lie, has changed meanwhile.
    for (line, seen) in online.into_iter().filter(|(line, _)| !line.contains("json")) {
        let found = topo(line, &first);
        assert_eq!((found.exit, found.out, found.err), (seen.exit, seen.out, seen.err), "{line} offline");
    }
    let verified = topo("topo state verify words --format json", &first);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&verified.out).unwrap();
    assert!(rows.len() == 8 && rows.iter().all(|row| row["result"] == "equal"), "{}", verified.out);
    assert!(
        rows.iter().any(|row| row["store"] == "then" && row["equal"].as_u64() > Some(1)),
        "{}",
        verified.out
    );
    let gone = topo("topo state list words --online", &first);
    assert!(gone.exit == Exit::State && gone.err.contains("has announced itself"), "{}", gone.err);
    let nobody = topo("topo state list words --at 127.0.0.1:1", &first);
    assert!(nobody.exit == Exit::State && nobody.err.contains("cannot ask 127.0.0.1:1"), "{}", nobody.err);
}
