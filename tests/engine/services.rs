//! The services that tests start are real, and can be killed and started again.

use std::process::Command;

use crate::support::postgres::Postgres;

#[test]
fn a_postgres_of_our_own_answers_before_and_after_a_kill() {
    let postgres = Postgres::start();
    let ask = |sql: &str| {
        let output =
            Command::new("psql").args(["-X", "-A", "-t", "-c", sql]).arg(postgres.url()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let table = postgres.unique("kept");
    ask(&format!("create table {table} as select 42 as answer"));
    postgres.kill9();
    postgres.restart();
    assert_eq!(ask(&format!("select answer from {table}")), "42");
}
