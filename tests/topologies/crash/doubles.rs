//! Two processes are given the same state directory, or the same process id: the second one refuses.

use std::time::Duration;

use crate::flow::{Flow, PATIENCE};
use crate::form::chance;
use crate::system::{System, Worker};

#[test]
fn a_second_process_with_the_same_state_directory_is_refused() {
    let (_, seed) = chance("same directory");
    let mut flow = Flow::payments(System::shared("same-directory"), seed);
    flow.start_ready(1, &[]);
    let state = flow.workers[0].state();
    let mut second = Worker::start_in(&flow.system, "second", &[flow.runnable], &state, &[]);
    assert_eq!(second.ends(PATIENCE), 4, "{}", second.logged());
    let said = second.logged();
    assert!(said.contains("is used by another process"), "{said}");
    assert!(said.contains(&*state.to_string_lossy()), "{said}");
    eprintln!("same directory: {}", said.lines().last().unwrap_or_default());
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}

#[test]
fn a_second_process_with_the_same_process_id_is_refused_and_the_first_works_on() {
    let (_, seed) = chance("same id");
    let mut flow = Flow::payments(System::shared("same-id"), seed);
    let id = [("group.instance.id", "the-one")];
    flow.start_ready(1, &id);
    flow.pump_for(Duration::from_secs(1));
    let said = flow.workers[0].logged().len();
    let mut second = Worker::start(&flow.system, "second", flow.runnable, &id);
    let mut code = None;
    flow.pump_until("the second to end", PATIENCE, |_| {
        code = second.has_ended();
        code.is_some()
    });
    assert_eq!(code, Some(2), "{}", second.logged());
    let last = second.logged().lines().last().unwrap_or_default().to_owned();
    assert!(
        last.contains("the-one") && last.contains("group.instance.id"),
        "it says which and what to do: {last}"
    );
    eprintln!("same id: {last}");
    flow.pump_for(Duration::from_secs(1));
    flow.workers[0].must_live();
    let log = flow.workers[0].logged()[said..].to_owned();
    assert!(!log.contains("WARN"), "the first one is not disturbed:\n{log}");

    // Whoever takes over the id of a process that is gone is let in, without its directory too.
    flow.workers[0].kill();
    flow.start(&id);
    let took = flow.workers[1].await_ready(PATIENCE);
    eprintln!("the id of a dead process is taken over after {took:?}");
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}
