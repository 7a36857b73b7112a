//! Killed anywhere, a saga takes back what it has done, or goes on.

use crate::kills::{Numbers, check, kills};
use crate::probe::*;

#[test]
fn a_killed_saga_that_fails_takes_back_what_it_has_done() {
    let wanted = kills();
    let mut numbers = Numbers(0x5A6A);
    let (mut killed, mut repeats) = (0, 0);
    while killed < wanted {
        let probe = Probe::new("saga", 120, &["--fail-at", "90"]);
        loop {
            let (effects, receipts) = (probe.effects(), probe.receipts());
            let (lines, then) = (numbers.up_to(60), numbers.micros(2_000));
            if !probe.kill_after(lines, then) {
                break;
            }
            killed += 1;
            check(&probe, &effects, &receipts);
        }
        let (effects, receipts) = (probe.effects(), probe.receipts());
        for _ in 0..2 {
            let last = probe.run();
            assert_eq!(last.status.code(), Some(1), "{}", said(&last));
            assert!(said(&last).contains("what was done was taken back"), "{}", said(&last));
        }
        check(&probe, &effects, &receipts);
        assert!(probe.is_taken_back());
        assert!(!probe.effects().contains_key(&probe.key(90)));
        repeats += probe.effects().values().map(|times| times - 1).sum::<usize>();
    }
    assert!(repeats <= JOBS * killed, "{repeats} repeats, after {killed} kills");
    println!("saga that fails: killed {killed} times, {repeats} repeats");
}

#[test]
fn a_reversible_step_in_doubt_takes_its_saga_back() {
    let (mut killed, mut taken_back) = (0, 0);
    let mut numbers = Numbers(0x5A6B);
    while killed < kills() {
        let probe = Probe::new("saga", 48, &["--effect", "reversible"]);
        if !probe.kill_after(numbers.up_to(24), numbers.micros(2_000)) {
            continue;
        }
        killed += 1;
        let last = probe.run();
        if last.status.code() == Some(0) {
            probe.assert_all_have_happened();
            continue;
        }
        taken_back += 1;
        assert_eq!(last.status.code(), Some(1), "{}", said(&last));
        assert!(said(&last).contains("what was done was taken back"), "{}", said(&last));
        assert!(probe.is_taken_back());
        assert!(probe.effects().values().all(|times| *times == 1), "something ran twice");
    }
    println!("saga, reversible: killed {killed} times, taken back {taken_back} times");
    assert!(taken_back > 0, "no kill left a step in doubt");
}
