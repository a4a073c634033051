//! Both applications under the simulator. `make sim` runs many more schedules.

use topo::testkit::sim::Sim;

use super::applications;

#[test]
fn the_applications_say_what_their_models_say_whatever_fails() {
    for scenario in applications::all() {
        match Sim::new(scenario.as_ref()).rocks(50).run_all(0..100) {
            Ok(summary) => println!("{}: {} schedules", scenario.name(), summary.runs),
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn at_least_once_the_applications_make_nothing_up_and_name_every_record_they_cannot_use() {
    for scenario in applications::all() {
        if let Err(failure) = Sim::new(scenario.as_ref()).at_least_once().run_all(0..100) {
            panic!("{failure}");
        }
    }
}
