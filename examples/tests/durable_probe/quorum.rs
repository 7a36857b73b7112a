//! Killed anywhere, a quorum keeps who counts.

use crate::kills::{Numbers, check, kills};
use crate::probe::*;

#[test]
fn a_killed_quorum_keeps_who_counts() {
    const STEPS: u64 = 48;
    let wanted = kills();
    let mut numbers = Numbers(0x5CA7);
    let (mut killed, mut settled, mut repeated) = (0, 0, 0);
    while killed < wanted {
        // A small one, so that it is settled many times.
        let probe = Probe::new("quorum", STEPS, &[]);
        let mut kills = 0;
        while killed < wanted {
            let (effects, receipts, winners) = (probe.effects(), probe.receipts(), probe.winners());
            let was_killed = match numbers.up_to(4) {
                1 => probe.kill_after(0, numbers.micros(30_000)),
                2 => probe.kill_settled(numbers.micros(2_000)),
                _ => probe.kill_after(numbers.up_to(12), numbers.micros(2_000)),
            };
            if !was_killed {
                break;
            }
            (killed, kills) = (killed + 1, kills + 1);
            check(&probe, &effects, &receipts);
            settled += usize::from(probe.winners().is_some());
            assert!(winners.is_none() || probe.winners() == winners);
        }
        let (effects, receipts, winners) = (probe.effects(), probe.receipts(), probe.winners());
        let last = probe.run();
        assert_eq!(last.status.code(), Some(0), "{}", said(&last));
        check(&probe, &effects, &receipts);
        let count = probe.winners().expect("it is settled");
        assert!(winners.is_none_or(|winners| winners == count));
        assert_eq!(count.len() as u64, STEPS / 2);
        assert!(
            count.iter().all(|number| number % 5 != 4),
            "one that has failed counts: {count:?}"
        );
        assert!(count.iter().all(|number| probe.effects().contains_key(&probe.key(*number))));
        assert_eq!(line(&last)["result"], count.iter().map(|number| number + 1).sum::<u64>());
        let effects = probe.effects();
        let repeats: usize = effects.values().map(|times| times - 1).sum();
        assert!(repeats <= JOBS * kills, "{repeats} repeats, after {kills} kills");
        repeated += repeats;

        let again = line(&probe.run());
        assert_eq!((&again["result"], &again["steps_run"]), (&line(&last)["result"], &0.into()));
        assert_eq!((probe.winners(), probe.effects()), (Some(count), effects));
    }
    assert!(settled > 0, "no kill came when it was settled");
    println!(
        "quorum: killed {killed} times, {settled} of them when it was settled: {repeated} repeats"
    );
}
