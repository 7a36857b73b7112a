//! Killed anywhere, it goes on.

use serde_json::Value;

use crate::kills::{Numbers, check, kills};
use crate::probe::*;

#[test]
fn a_killed_pipeline_goes_on() {
    goes_on("pipeline");
}

#[test]
fn a_killed_map_reduce_goes_on() {
    goes_on("map-reduce");
}

#[test]
fn a_killed_fork_join_goes_on() {
    goes_on("fork-join");
}

#[test]
fn a_killed_scatter_gather_goes_on() {
    goes_on("scatter-gather");
}

#[test]
fn a_killed_saga_goes_on() {
    goes_on("saga");
}

fn goes_on(pattern: &'static str) {
    let wanted = kills();
    let mut numbers = Numbers(0x5EED + pattern.len() as u64);
    let mut killed = 0;
    while killed < wanted {
        // One session, unless it ends before it was killed often enough.
        killed += kill_and_go_on(pattern, wanted - killed, &mut numbers);
    }
    println!("{pattern}: killed {killed} times");
}

/// Kills a run at most so many times, lets it go on to its end, and says how often it was killed.
fn kill_and_go_on(pattern: &'static str, most: usize, numbers: &mut Numbers) -> usize {
    let probe = Probe::new(pattern, 40 * most as u64, &[]);
    let mut killed = 0;
    while killed < most {
        let (effects, receipts) = (probe.effects(), probe.receipts());
        // One in four is killed while it opens the session and replays, the others among their steps.
        let (lines, then) = match numbers.up_to(4) {
            1 => (0, numbers.micros(30_000)),
            _ => (numbers.up_to(32), numbers.micros(2_000)),
        };
        if !probe.kill_after(lines, then) {
            break;
        }
        killed += 1;
        check(&probe, &effects, &receipts);
    }
    assert!(killed > 0, "{pattern}: not killed in time");
    let (effects, receipts) = (probe.effects(), probe.receipts());
    let last = probe.run();
    assert_eq!(last.status.code(), Some(0), "{}", said(&last));
    check(&probe, &effects, &receipts);

    let line = line(&last);
    let count = |name: &str| line[name].as_u64().unwrap();
    assert_eq!(count("result"), probe.sum(), "not what it is without a kill");
    assert_eq!(count("steps_run") + count("steps_replayed"), probe.steps);
    assert!(count("steps_replayed") >= receipts.len() as u64);
    probe.assert_all_have_happened();
    let effects = probe.effects();
    let repeats: usize = effects.values().map(|times| times - 1).sum();
    let most = effects.values().max().unwrap();
    assert!(repeats <= JOBS * killed, "{repeats} repeats, after {killed} kills");
    assert!(*most <= 1 + killed);
    println!(
        "{pattern}: one session of {} steps killed {killed} times: {repeats} repeats, one step at \
         most {most} times, {} steps in the last process",
        probe.steps,
        count("steps_run"),
    );
    killed
}

#[test]
fn an_irreversible_step_in_doubt_parks_the_run_and_never_runs_twice() {
    let wanted = kills();
    for pattern in PATTERNS {
        let mut numbers = Numbers(0xD0_0B7 + pattern.len() as u64);
        let (mut killed, mut parked) = (0, 0);
        while killed < wanted {
            let probe = Probe::new(pattern, 48, &["--effect", "irreversible"]);
            if !probe.kill_after(numbers.up_to(24), numbers.micros(2_000)) {
                continue;
            }
            killed += 1;
            // Where nothing was in doubt it goes on; where something was, it stays parked.
            let first = probe.run();
            let again = probe.run();
            assert_eq!(first.status.code(), again.status.code());
            let line = line(&again);
            if again.status.code() == Some(3) {
                parked += 1;
                assert_eq!(line["result"], Value::Null);
                // A saga has written down what waits, and nobody is in doubt any more.
                let in_doubt = line["in_doubt"].as_u64().unwrap();
                assert!(pattern == "saga" || in_doubt >= 1, "{line}");
                let said = said(&again);
                assert!(said.contains("parked until somebody decides: /probe["), "{said}");
            } else {
                assert_eq!(again.status.code(), Some(0), "{}", said(&again));
                assert_eq!((&line["result"], &line["in_doubt"]), (&probe.sum().into(), &0.into()));
                probe.assert_all_have_happened();
            }
            let effects = probe.effects();
            let twice: Vec<_> = effects.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "{pattern}: ran twice: {twice:?}");
        }
        println!("{pattern}, irreversible: killed {killed} times, parked {parked} times");
        assert!(parked > 0, "{pattern}: no kill left a step in doubt");
    }
}
