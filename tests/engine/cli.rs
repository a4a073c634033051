use crate::golden::same_as_golden;
use std::{
    io::{BufRead, Cursor, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};
use topo::{
    cli::{
        Application, Catalogue, Console, DemoOptions, DemoOutcome, DescribeFormat, Entry, Exit, Failure,
        GenerateOptions, Generator, Invocation, LagRow, ResetPlan, RestoreOptions, RestoreProgress, Running,
        StandbyRow, StateQuery, StoreRow, Target, TaskRow, VerifyRow, execute,
    },
    config::{Key, Kind, Settings},
};

/// An application that exists only to be commanded: keys that begin with `clock.` choose what befalls it.
struct Clock {
    settings: Settings,
}

const KEYS: &[Key] = &[
    Key::new("clock.fails", Kind::Flag, "false", "Whether it fails."),
    Key::new("clock.deaf", Kind::Flag, "false", "Whether it does not hear that it has to stop."),
    Key::new("clock.members", Kind::Text, "", "Who runs it."),
];

fn clock(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    Ok(Box::new(Clock { settings: settings.clone() }))
}

impl Application for Clock {
    fn describe(&self, format: DescribeFormat) -> Result<String, Failure> {
        Ok(format!("{} as {format:?}", self.settings.application_id("clock")?))
    }

    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure> {
        if self.settings.flag("clock.fails")? {
            return Err(Failure::new(Exit::State, "state directory topo-state is locked by another process"));
        }
        running.health.ready(&running.name);
        running.metrics.commits.with(&[&running.name]).add(1);
        let deaf = self.settings.flag("clock.deaf")?;
        while deaf || !running.stop.load(Relaxed) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }

    fn tasks(&self) -> Result<Vec<TaskRow>, Failure> {
        let copy = StandbyRow { process: "p2".into(), host: "host-2".into(), behind: Some(3) };
        let row = |task: &str, state, process: Option<&str>| TaskRow {
            task: task.into(),
            state,
            process: process.map(Into::into),
            host: process.map(|_| "host-1".into()),
            restore_remaining: (state == "restoring").then_some(1_200),
            lag: 7,
            standbys: if state == "running" { vec![copy.clone()] } else { Vec::new() },
        };
        Ok(vec![
            row("ticks-0", "running", Some("p1")),
            row("ticks-1", "restoring", Some("p1")),
            row("ticks-2", "unowned", None),
        ])
    }

    fn lag(&self) -> Result<Vec<LagRow>, Failure> {
        let row = |partition, committed, end, lag| LagRow {
            topic: "ticks".into(),
            partition,
            task: format!("ticks-{partition}"),
            committed,
            end,
            lag,
        };
        Ok(vec![row(0, Some(90), 100, 10), row(1, None, 5, 5)])
    }

    fn restore(
        &self,
        options: &RestoreOptions,
        _: &AtomicBool,
        progress: &mut dyn FnMut(&RestoreProgress),
    ) -> Result<RestoreProgress, Failure> {
        if let Some(task) = options.tasks.iter().find(|task| *task != "ticks-0") {
            return Err(Failure::new(Exit::Fault, format!("there is no task {task}; there are: ticks-0")));
        }
        let remarks = if options.rebuild { vec!["ticks-0 was moved aside".into()] } else { Vec::new() };
        let end = RestoreProgress { tasks: 1, ready: 1, records: 42, remaining: 0, remarks };
        progress(&end);
        Ok(end)
    }

    fn stores(&self) -> Result<Vec<StoreRow>, Failure> {
        Ok(vec![StoreRow {
            task: "ticks-0".into(),
            store: "counts".into(),
            declared: "key-value <utf8, i64-be>".into(),
            rows: 2,
            checkpoint: Some(9),
            unfinished: true,
        }])
    }

    fn rows(
        &self,
        query: &StateQuery,
        visit: &mut dyn FnMut(&str, serde_json::Value) -> bool,
    ) -> Result<(), Failure> {
        if query.store != "counts" {
            return Err(Failure::new(Exit::Usage, format!("no store `{}`", query.store)));
        }
        let rows = [("a", 1), ("b", 2)];
        rows.iter().all(|(key, value)| visit("ticks-0", serde_json::json!({"key": key, "value": value})));
        Ok(())
    }

    fn verify(&self, store: Option<&str>, _: Option<&str>) -> Result<Vec<VerifyRow>, Failure> {
        let wrong = store.is_some();
        Ok(vec![VerifyRow {
            task: "ticks-0".into(),
            store: "counts".into(),
            result: if wrong { "differs" } else { "equal" },
            equal: 2,
            different: u64::from(wrong),
            compacted: 0,
            differences: if wrong { vec!["\"b\": another value".into()] } else { Vec::new() },
        }])
    }

    fn plan_reset(&self) -> Result<ResetPlan, Failure> {
        Ok(ResetPlan {
            members: self.settings.optional("clock.members")?.into_iter().map(str::to_owned).collect(),
            topics: vec!["clock-ticks-changelog".into(), "clock-tasks".into()],
            directories: vec![PathBuf::from("topo-state/clock")],
            inputs: vec![],
        })
    }

    fn reset(&self, plan: &ResetPlan) -> Result<(), Failure> {
        if plan.topics.len() == 2 {
            Ok(())
        } else {
            Err(Failure::new(Exit::Bug, "another plan than it made"))
        }
    }
}

fn ticks(
    _: &Settings,
    options: &GenerateOptions,
    _: &AtomicBool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if options.to == Target::Kafka {
        return Err(Failure::new(Exit::Broker, "no broker at localhost:9092"));
    }
    for tick in 0..options.events {
        writeln!(out, "{{\"tick\":{tick},\"seed\":{}}}", options.seed)?;
    }
    Ok(())
}

fn demo(options: &DemoOptions, _: &AtomicBool) -> Result<DemoOutcome, Failure> {
    let json = serde_json::json!({"events": options.events, "crash": options.crash});
    Ok(DemoOutcome { text: format!("{} events\n", options.events), json, right: options.seed != 13 })
}

fn catalogue() -> Catalogue {
    let entry = |name, about| Entry { name, about, keys: KEYS, make: clock };
    Catalogue {
        entries: vec![entry("clock", "Tells the time."), entry("calendar", "Tells the date.")],
        generators: vec![Generator { name: "ticks", about: "One a second.", run: ticks }],
        demo: Some(demo),
    }
}

/// Everything a user sees of a command: output, messages, exit code.
fn transcript(line: &str, input: &str) -> String {
    let invocation =
        Invocation { args: line.split_whitespace().map(Into::into).collect(), ..Invocation::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = Cursor::new(input.as_bytes());
    let mut console = Console { input: &mut input, out: &mut out, err: &mut err, terminal: false };
    let exit = execute(&catalogue(), &invocation, &mut console);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    format!("$ {line}\n{}{}exit {}\n\n", text(out), text(err), exit as u8)
}

#[test]
fn help_and_usage_errors_read_as_written_down() {
    let lines = [
        "topo --help",
        "topo run --help",
        "topo",
        "topo fly",
        "topo run",
        "topo describe clock --format pdf",
        "topo generate ticks --rate 0",
        "topo state --help",
        "topo state get clock",
    ];
    let page: String = lines.into_iter().map(|line| transcript(line, "")).collect();
    same_as_golden("tests/engine/golden/cli-usage.txt", &page);
}

#[test]
fn every_command_answers_as_written_down() {
    let page: String = [
        ("topo describe clock", ""),
        ("topo describe clock --format json --set clock.application.id=watch", ""),
        ("topo describe klock", ""),
        ("topo demo", ""),
        ("topo demo --events 7 --no-crash --format json", ""),
        ("topo demo --seed 13", ""),
        ("topo generate ticks --to stdout --events 2 --seed 5", ""),
        ("topo generate ticks", ""),
        ("topo generate tocks", ""),
        ("topo reset clock", "y\n"),
        ("topo reset clock", "\n"),
        ("topo reset clock", ""),
        ("topo reset clock --yes", ""),
        ("topo reset clock --yes --set clock.members=host-1", ""),
        ("topo tasks clock", ""),
        ("topo tasks clock --format json", ""),
        ("topo lag clock", ""),
        ("topo lag clock --format json", ""),
        ("topo restore clock", ""),
        ("topo restore clock --rebuild --task ticks-0", ""),
        ("topo restore clock --task tocks-0", ""),
        ("topo state list clock", ""),
        ("topo state stats clock", ""),
        ("topo state stats clock --format json", ""),
        ("topo state get clock counts b", ""),
        ("topo state get clock counts c", ""),
        ("topo state scan clock counts --limit 1", ""),
        ("topo state scan clock sums", ""),
        ("topo state verify clock", ""),
        ("topo state verify clock --store counts", ""),
        ("topo run clock clock", ""),
        ("topo run clock calendar --set application.id=x", ""),
        ("topo run clock --set log.filter=topo=loud", ""),
        ("topo run clock --set state.dri=x --set memory=lots", ""),
        ("topo run clock --config no-such-file.toml", ""),
    ]
    .into_iter()
    .map(|(line, input)| transcript(line, input))
    .collect();
    same_as_golden("tests/engine/golden/cli-commands.txt", &page);
}

#[test]
fn the_configuration_is_printed_in_three_forms() {
    let set = "--set kafka.sasl.password=x --set clock.memory=1GB --state-dir /srv/topo";
    let page: String = ["text", "json", "markdown"]
        .into_iter()
        .map(|format| transcript(&format!("topo config --format {format} {set}"), ""))
        .collect();
    same_as_golden("tests/engine/golden/cli-config.txt", &page);
}

/// Hands on what a command prints while it still runs.
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

fn run_until_told(args: &str, catch_signals: bool, told: impl FnOnce(&str, &AtomicBool)) -> (Exit, String) {
    let stop = Arc::new(AtomicBool::new(false));
    let invocation = Invocation {
        args: args.split_whitespace().map(Into::into).collect(),
        stop: stop.clone(),
        catch_signals,
        ..Invocation::default()
    };
    let (sender, printed) = channel();
    let command = std::thread::spawn(move || {
        let (mut input, mut out, mut err) = (Cursor::new(b""), Tee(sender), Vec::new());
        let mut console = Console { input: &mut input, out: &mut out, err: &mut err, terminal: false };
        let exit = execute(&catalogue(), &invocation, &mut console);
        (exit, String::from_utf8(err).unwrap())
    });
    let line = printed.recv_timeout(Duration::from_secs(20)).unwrap();
    told(line.trim_end().rsplit_once("http://").unwrap().1, &stop);
    command.join().unwrap()
}

fn status_of(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    std::io::BufReader::new(stream).lines().next().unwrap().unwrap()
}

#[test]
fn a_running_process_becomes_ready_and_ends_with_zero_when_told() {
    let args = "topo run clock calendar --set http.host=127.0.0.1";
    let (exit, said) = run_until_told(args, false, |address, stop| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !status_of(address, "/health/ready").contains("200") {
            assert!(Instant::now() < deadline, "never ready");
        }
        assert!(status_of(address, "/metrics").contains("200"));
        stop.store(true, Relaxed);
    });
    assert_eq!((exit, said.as_str()), (Exit::Ok, ""));
}

/// The only test of this binary that may raise a signal: a second one would end the process, as it should.
#[test]
fn sigterm_ends_a_running_process_within_five_seconds_and_with_zero() {
    let mut raised = None;
    let (exit, said) = run_until_told("topo run clock --set http.host=127.0.0.1", true, |_, stop| {
        assert!(!stop.load(Relaxed));
        raised = Some(Instant::now());
        signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
    });
    assert_eq!((exit, said.as_str()), (Exit::Ok, ""));
    assert!(raised.unwrap().elapsed() < Duration::from_secs(5));
}

#[test]
fn an_application_that_does_not_hear_is_left_behind_in_time() {
    let mut told = None;
    let (exit, _) =
        run_until_told("topo run clock --set http.host=127.0.0.1 --set clock.deaf=true", false, |_, stop| {
            stop.store(true, Relaxed);
            told = Some(Instant::now());
        });
    assert_eq!(exit, Exit::Ok);
    assert!((4..5).contains(&told.unwrap().elapsed().as_secs()));
}

#[test]
fn the_failure_of_one_application_stops_all_and_gives_its_exit_code() {
    let args = "topo run clock calendar --set http.host=127.0.0.1 --set clock.fails=true";
    let (exit, said) = run_until_told(args, false, |_, _| {});
    assert_eq!(exit, Exit::State);
    assert!(said.contains(": state directory topo-state is locked by another process"), "{said}");
}
