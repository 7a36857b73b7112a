//! Every performance bar that can be measured today, as a ratio of two programs in the same run.
//!
//! `cargo bench -p benches --bench ratios`, and `… -- fan-out brief` for some groups only: `fan-out`
//! (what a no-op item costs in each pattern), `sleepers` (agents that only wait), `memory` (heap per
//! child, and of a reduction), `policies` (what each adds to a call), `saga` (what one
//! adds to its steps), `sessions` (what a log costs over the system calls under it), `context` (what a
//! reduction costs over counting), `live` (what a turn of a growing transcript costs) and `brief` (the
//! example).
//!
//! Machines are noisy, so no figure is a time: what is measured and what it is measured against take
//! turns, and the fastest turn of each is compared. A bar that is missed is printed as missed; the
//! process does not fail for it.

#[path = "ratios/brief.rs"]
mod brief;
#[path = "ratios/context.rs"]
mod context;
#[path = "ratios/fan_out.rs"]
mod fan_out;
#[path = "ratios/live.rs"]
mod live;
#[path = "ratios/memory.rs"]
mod memory;
#[path = "ratios/policies.rs"]
mod policies;
#[path = "ratios/saga.rs"]
mod saga;
#[path = "ratios/sessions.rs"]
mod sessions;
#[path = "ratios/sleepers.rs"]
mod sleepers;

use benches::table::{Failed, heading, runtime};

const GROUPS: [&str; 9] =
    ["fan-out", "sleepers", "memory", "policies", "saga", "sessions", "context", "live", "brief"];

fn main() -> Result<(), Failed> {
    if let Some(folder) = brief::asked_for_plain_loop() {
        return brief::plain_loop(&folder);
    }
    let groups = asked_for()?;
    let runtime = runtime()?;
    heading();
    for group in groups {
        match group {
            "fan-out" => fan_out::rows(&runtime)?,
            "sleepers" => sleepers::rows(&runtime)?,
            "memory" => memory::rows()?,
            "policies" => policies::rows(&runtime)?,
            "saga" => saga::rows(&runtime)?,
            "sessions" => sessions::rows(&runtime)?,
            "context" => context::rows()?,
            "live" => live::rows()?,
            _ => brief::rows()?,
        }
    }
    Ok(())
}

/// All groups, unless some are named.
fn asked_for() -> Result<Vec<&'static str>, Failed> {
    // Cargo says `--bench`.
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| !GROUPS.contains(&name.as_str())) {
        return Err(format!("there is no group {unknown}; there are {}", GROUPS.join(", ")).into());
    }
    let asked = |group: &&str| named.is_empty() || named.iter().any(|name| name == group);
    Ok(GROUPS.into_iter().filter(asked).collect())
}
