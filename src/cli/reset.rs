//! `topo reset NAME`: back to the beginning. Shows what it will do, asks, does it; refuses while members live.

use super::{Catalogue, Console, Exit, Failure, ResetPlan};
use crate::config::Settings;

pub(super) fn reset(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    yes: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let entry = catalogue.entry(name)?;
    let application = (entry.make)(&settings.for_application(name))?;
    let plan = application.plan_reset()?;
    if !plan.members.is_empty() {
        let members = plan.members.join(", ");
        let message = format!("`{name}` is running ({members}); stop every process of it, then reset");
        return Err(Failure::new(Exit::Broker, message));
    }
    console.print(&picture(name, &plan))?;
    if !yes && !console.confirm("Go on?") {
        console.say("topo: nothing was changed");
        return Ok(Exit::Differs);
    }
    application.reset(&plan)?;
    console.print(&format!("`{name}` will start from the beginning\n"))?;
    Ok(Exit::Ok)
}

fn picture(name: &str, plan: &ResetPlan) -> String {
    let directories: Vec<String> = plan.directories.iter().map(|dir| dir.display().to_string()).collect();
    let mut page = format!("A reset of `{name}` will\n");
    for (what, list) in [
        ("delete the internal topics", &plan.topics),
        ("delete the local state in", &directories),
        ("read from the beginning", &plan.inputs),
    ] {
        let list = if list.is_empty() { "(none)".to_owned() } else { list.join(", ") };
        page.push_str(&format!("  {what}: {list}\n"));
    }
    page
}
