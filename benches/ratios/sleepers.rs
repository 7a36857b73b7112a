//! Agents that do nothing but wait, all at the same time.

use std::sync::Arc;
use std::time::Duration;

use benches::fan_out::by_hand;
use benches::fan_out::patterns::{Pattern, Recording, flow, fork_join, map_reduce};
use benches::table::{Bar, Failed, Fastest, expect_sum};
use maniple::core::Run;
use tokio::runtime::Runtime;

const SLEEPERS: u64 = 100;
const AT_ONCE: usize = 100;
const NAP: Duration = Duration::from_millis(10);
const TURNS: usize = 300;

pub(crate) fn rows(runtime: &Runtime) -> Result<(), Failed> {
    let patterns = [
        map_reduce(AT_ONCE, Recording::Off, nap),
        flow(AT_ONCE, Recording::Off, nap),
        fork_join(SLEEPERS, AT_ONCE, Recording::Off, nap),
    ];
    let mut by_hand = Fastest::default();
    let mut by_pattern = [Fastest::default(); 3];
    for _ in 0..TURNS {
        by_hand
            .turn(runtime, async { expect_sum(by_hand::bare(SLEEPERS, nap).await?, SLEEPERS) })?;
        for (pattern, fastest) in patterns.iter().zip(&mut by_pattern) {
            fastest.turn(runtime, naps(pattern.clone()))?;
        }
    }
    for (pattern, fastest) in patterns.iter().zip(by_pattern) {
        let name = format!("100 agents of 10 ms, {} over JoinSet", pattern.name);
        Bar::PercentOver(1.0).judge(&name, fastest, by_hand);
    }
    Ok(())
}

async fn naps(pattern: Pattern) -> Result<(), Failed> {
    let run = Arc::new(Run::builder("naps").open().await?);
    expect_sum(pattern.execute(run, SLEEPERS).await?, SLEEPERS)
}

async fn nap(n: u64) -> u64 {
    tokio::time::sleep(NAP).await;
    n
}
