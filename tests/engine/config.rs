use crate::golden::same_as_golden;
use std::time::Duration;
use topo::config::{
    ConfigError, ConfigFile, Key, Kind, Layers, Settings, Source, Table, render_json, render_text,
};

const THRESHOLD: Key = Key::new("orders.alert.threshold", Kind::Decimal, "10000", "Alert above this amount.");

fn table() -> Table {
    Table::new(&[THRESHOLD], &["orders", "orders-ods", "velocity"])
}

fn layers(file: &str, environment: &[(&str, &str)], flags: &[&str]) -> Layers {
    let mut layers = Layers {
        file: Some(ConfigFile::new("topo.toml", file)),
        environment: environment.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Layers::default()
    };
    for flag in flags {
        layers.set(flag).unwrap();
    }
    layers
}

fn load(file: &str, environment: &[(&str, &str)], flags: &[&str]) -> Settings {
    Settings::load(table(), &layers(file, environment, flags)).unwrap()
}

fn errors(file: &str, environment: &[(&str, &str)], flags: &[&str]) -> String {
    Settings::load(table(), &layers(file, environment, flags)).unwrap_err().to_string()
}

#[test]
fn each_layer_wins_over_the_one_below_and_the_value_knows_its_source() {
    let file = "commit.interval.ms = \"200ms\"\nworkers = 2\n\n[state]\ndir = \"/var/lib/topo\"\n";
    let environment = [("TOPO_WORKERS", "3"), ("TOPO_STATE_DIR", "/srv"), ("HOME", "/root")];
    let settings = load(file, &environment, &["state.dir=/tmp/x"]);
    assert_eq!(settings.duration("commit.interval.ms").unwrap(), Duration::from_millis(200));
    assert_eq!(settings.source("commit.interval.ms"), Source::File { path: "topo.toml".into(), line: 1 });
    assert_eq!(settings.workers().unwrap(), 3);
    assert_eq!(settings.source("workers"), Source::Environment("TOPO_WORKERS".into()));
    assert_eq!(settings.text("state.dir").unwrap(), "/tmp/x");
    assert_eq!(settings.source("state.dir"), Source::Flag("--set".into()));
    assert_eq!(settings.size("memory").unwrap(), 96 << 20);
    assert_eq!(settings.source("memory"), Source::Default);
}

#[test]
fn the_line_of_a_value_in_a_table_of_the_file_is_its_own() {
    let settings = load("# a comment\n[session]\ntimeout.ms = 5000\n", &[], &[]);
    assert_eq!(settings.source("session.timeout.ms"), Source::File { path: "topo.toml".into(), line: 3 });
}

#[test]
fn one_application_can_differ_from_the_others() {
    let settings = load(
        "",
        &[("TOPO_ORDERS_ODS_WORKERS", "1")],
        &["commit.interval.ms=1s", "orders.commit.interval.ms=50"],
    );
    let millis =
        |name: &str| settings.for_application(name).duration("commit.interval.ms").unwrap().as_millis();
    assert_eq!((millis("orders"), millis("velocity")), (50, 1000));
    assert_eq!(settings.for_application("orders-ods").integer("workers").unwrap(), 1);
    assert_eq!(settings.for_application("orders").integer("workers").unwrap(), 0);
    assert_eq!(settings.for_application("orders").application_id("orders").unwrap(), "orders");
}

#[test]
fn properties_of_librdkafka_pass_through_from_every_layer() {
    let file = "[kafka]\nsecurity.protocol = \"SASL_SSL\"\n";
    let environment = [("TOPO_KAFKA_SASL_PASSWORD", "hunter2")];
    let kafka = load(file, &environment, &["kafka.linger.ms=5"]).kafka();
    let kafka: Vec<(&str, &str)> = kafka.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(kafka, [("linger.ms", "5"), ("sasl.password", "hunter2"), ("security.protocol", "SASL_SSL")]);
}

#[test]
fn no_secret_is_ever_printed() {
    let environment = [
        ("TOPO_POSTGRES_URL", "postgres://topo:hunter2@db/ods"),
        ("TOPO_KAFKA_SASL_PASSWORD", "hunter2"),
        ("TOPO_KAFKA_SSL_KEY_PEM", "hunter2"),
    ];
    let settings = load("", &environment, &["orders.postgres.url=hunter2"]);
    for page in [render_text(&settings), render_json(&settings), format!("{settings:?}")] {
        assert!(!page.contains("hunter2"), "{page}");
        assert!(page.contains("********"), "{page}");
    }
    assert_eq!(settings.text("postgres.url").unwrap(), "postgres://topo:hunter2@db/ods");
}

#[test]
fn all_mistakes_are_said_at_once_with_the_nearest_key_and_the_place() {
    let file = "\ncomit.interval.ms = 100\nprocessing = \"twice\"\nhttp.port = 70000\n";
    let environment =
        [("TOPO_STATEDIR", "/x"), ("TOPO_ORDERS_ALERT_TRESHOLD", "1"), ("TOPO_TEST_KAFKA", "fine")];
    let flags = ["orders.memry=1GB", "orders.alert.threshold=1e4", "kafka.group.id=mine", "memory=lots"];
    same_as_golden("tests/engine/golden/config-mistakes.txt", &errors(file, &environment, &flags));
}

#[test]
fn a_file_that_is_not_toml_says_its_line() {
    let said = errors("workers = 2\nstate.dir = [\n", &[], &[]);
    assert!(said.starts_with("topo.toml:2: ") || said.starts_with("topo.toml:3: "), "{said}");
    let said = errors("workers = 1979-05-27\n", &[], &[]);
    assert_eq!(said, "topo.toml:1: `workers` is a date, and a setting is text, a number or true/false");
}

#[test]
fn a_secret_that_is_wrong_is_not_quoted_and_a_flag_without_a_value_is_refused() {
    let pin = Key::new("pin", Kind::Integer { min: 0, max: 9 }, "0", "x").secret();
    let mut layers = Layers::default();
    layers.set("pin=hunter2").unwrap();
    let said = Settings::load(Table::new(&[pin], &[]), &layers).unwrap_err().to_string();
    assert_eq!(said, "flag --set: `pin` wants a whole number from 0 to 9, not `********`");
    assert_eq!(layers.set("pin").unwrap_err().to_string(), "flag --set pin: write --set key=value");
}

#[test]
fn a_value_that_is_needed_and_missing_says_how_to_give_it() {
    let error = load("", &[], &[]).text("postgres.url").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`postgres.url` is not set; give it as --set postgres.url=..., as TOPO_POSTGRES_URL, or in the configuration file"
    );
    let error = load("", &[], &[]).duration("workers").unwrap_err();
    assert!(matches!(error, ConfigError::Undeclared { .. }), "{error}");
}

#[test]
fn a_keys_own_variable_wins_over_its_aliases_whatever_their_order() {
    let environment = [("TOPO_LOG_FILTER", "debug"), ("TOPO_LOG", "warn"), ("RUST_LOG", "trace")];
    assert_eq!(load("", &environment, &[]).text("log.filter").unwrap(), "debug");
    assert_eq!(load("", &environment[1..], &[]).text("log.filter").unwrap(), "warn");
    assert_eq!(load("", &environment[2..], &[]).text("log.filter").unwrap(), "trace");
}
