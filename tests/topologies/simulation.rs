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
