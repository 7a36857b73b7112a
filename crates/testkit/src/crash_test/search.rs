use std::collections::BTreeSet;
use std::fmt::Debug;

use maniple_core::{BaseAgent, RecordedError};

use super::host::{Host, Lived};
use super::report::{Examined, Failure, Level, Report, Wrong};
use super::schedule::{CrashPoint, CrashSchedule};
use crate::crash::Moment;
use crate::random::Random;
use crate::world::Process;

/// How many runs a failure may cost to be made small.
const SHRINKING: usize = 1000;

/// Looks for the crashes that one input does not survive.
pub(super) struct Search<'a, A: BaseAgent, B> {
    pub(super) host: &'a Host,
    pub(super) build: &'a B,
    pub(super) input: &'a A::Input,
}

/// A run that went wrong.
struct Found<O> {
    schedule: CrashSchedule,
    wrong: Wrong,
    lived: Lived<O>,
}

impl<A, B> Search<'_, A, B>
where
    A: BaseAgent,
    A::Input: Clone + Debug,
    A::Output: Debug + PartialEq,
    B: Fn(Process) -> A,
{
    /// Tries up to so many crashes in a row, in up to so many runs.
    pub(super) async fn search(&self, crashes: usize, runs: usize) -> Result<Examined, Failure> {
        let (expected, mut examined) = self.uncrashed().await?;
        let mut survived = vec![(CrashSchedule::default(), examined.records)];
        let mut tried = BTreeSet::from([CrashSchedule::default()]);
        for level in 0..crashes {
            let possible = survived.iter().map(|(_, records)| records * Moment::ALL.len()).sum();
            let room = runs.saturating_sub(examined.runs);
            let chosen = choose(self.host.seed, possible, room);
            examined.levels.push(Level { possible, tried: 0 });
            let mut next = Vec::new();
            for schedule in extended(&survived, &chosen) {
                examined.runs += 1;
                examined.levels[level].tried += 1;
                let lived = self.live(&schedule).await;
                examined.crashes += lived.crashed.len();
                if let Some(wrong) = lived.wrong(&expected) {
                    let found = Found { schedule, wrong, lived };
                    return Err(self.shrink(&expected, found, tried, examined).await);
                }
                tried.insert(schedule.clone());
                examined.parked += usize::from(lived.is_parked());
                // Another interleaving may have written fewer records than the crash was to be at.
                if lived.crashed.len() == schedule.points().len() {
                    next.push((schedule, lived.records));
                }
            }
            survived = next;
        }
        Ok(examined)
    }

    /// Tries these crashes alone.
    pub(super) async fn replay(&self, schedule: &CrashSchedule) -> Result<Examined, Failure> {
        let (expected, mut examined) = self.uncrashed().await?;
        let lived = self.live(schedule).await;
        examined.runs += 1;
        examined.crashes = lived.crashed.len();
        if let Some(wrong) = lived.wrong(&expected) {
            let found = Found { schedule: schedule.clone(), wrong, lived };
            return Err(self.failure(found, examined, 0));
        }
        examined.parked += usize::from(lived.is_parked());
        Ok(examined)
    }

    /// As [`replay`](Self::replay), and makes what goes wrong small.
    #[cfg(feature = "proptest")]
    pub(super) async fn replay_and_shrink(&self, schedule: &CrashSchedule) -> Result<(), Failure> {
        let (expected, mut examined) = self.uncrashed().await?;
        let lived = self.live(schedule).await;
        examined.runs += 1;
        let Some(wrong) = lived.wrong(&expected) else { return Ok(()) };
        let found = Found { schedule: schedule.clone(), wrong, lived };
        let tried = BTreeSet::from([CrashSchedule::default()]);
        Err(self.shrink(&expected, found, tried, examined).await)
    }

    async fn uncrashed(&self) -> Result<(Result<A::Output, RecordedError>, Examined), Failure> {
        let schedule = CrashSchedule::default();
        let lived = self.live(&schedule).await;
        let records = lived.records;
        let examined = Examined { inputs: 1, records, runs: 1, ..Examined::default() };
        let wrong = match lived.ended {
            Ok(_) if records == 0 => Wrong::NotJournaled,
            Ok(expected) => return Ok((expected, examined)),
            Err(ref wrong) => wrong.clone(),
        };
        Err(self.failure(Found { schedule, wrong, lived }, examined, 0))
    }

    async fn live(&self, schedule: &CrashSchedule) -> Lived<A::Output> {
        self.host.live(self.build, self.input, schedule).await
    }

    /// Leaves out crashes, and moves the others towards the beginning, as long as the same goes wrong.
    /// What was tried and has survived does so again.
    async fn shrink(
        &self,
        expected: &Result<A::Output, RecordedError>,
        mut found: Found<A::Output>,
        mut tried: BTreeSet<CrashSchedule>,
        examined: Examined,
    ) -> Failure {
        let mut runs = 0;
        'smaller: loop {
            let from = found.schedule.clone();
            for schedule in smaller(&from) {
                if runs == SHRINKING {
                    break 'smaller;
                }
                if !tried.insert(schedule.clone()) {
                    continue;
                }
                runs += 1;
                let lived = self.live(&schedule).await;
                let wrong = lived.wrong(expected).filter(|wrong| is_alike(wrong, &found.wrong));
                if let Some(wrong) = wrong {
                    found = Found { schedule, wrong, lived };
                    continue 'smaller;
                }
            }
            break;
        }
        self.failure(found, examined, runs)
    }

    fn failure(&self, found: Found<A::Output>, examined: Examined, shrunk_in: usize) -> Failure {
        let Found { schedule, wrong, lived } = found;
        Failure::new(Report {
            wrong,
            schedule,
            crashed: lived.crashed,
            input: format!("{:?}", self.input),
            seed: self.host.seed,
            journal: lived.journal,
            examined,
            shrunk_in,
        })
    }
}

/// Whether it is the same that goes wrong.
pub(super) fn is_alike(a: &Wrong, b: &Wrong) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// The schedules that are smaller by one change, the smallest first.
fn smaller(schedule: &CrashSchedule) -> impl Iterator<Item = CrashSchedule> {
    let points = schedule.points();
    let without = (0..points.len()).map(|at| schedule.without(at));
    let earlier = points.iter().enumerate().flat_map(move |(at, point)| {
        let places = (0..=point.record)
            .flat_map(|record| Moment::ALL.map(|moment| CrashPoint { record, moment }));
        places.filter(move |smaller| smaller < point).map(move |point| schedule.with(at, point))
    });
    without.chain(earlier)
}

/// The indices of what is tried: all, or as many as there is room for, chosen by the seed.
fn choose(seed: u64, possible: usize, room: usize) -> BTreeSet<usize> {
    if possible <= room {
        return (0..possible).collect();
    }
    let (mut random, mut chosen) = (Random::new(seed), BTreeSet::new());
    // Floyd's sampling: each set is as likely as any other, and it ends.
    for last in possible - room..possible {
        let index = random.index(last + 1);
        let taken = !chosen.insert(index);
        if taken {
            chosen.insert(last);
        }
    }
    chosen
}

/// The schedules with one crash more, of all those that could follow the ones that these indices name.
fn extended(survived: &[(CrashSchedule, usize)], chosen: &BTreeSet<usize>) -> Vec<CrashSchedule> {
    let (mut extended, mut before) = (Vec::with_capacity(chosen.len()), 0);
    for (schedule, records) in survived {
        let behind = before + records * Moment::ALL.len();
        for index in chosen.range(before..behind) {
            let (record, moment) = ((index - before) / 3, Moment::ALL[(index - before) % 3]);
            extended.push(schedule.then(CrashPoint { record, moment }));
        }
        before = behind;
    }
    extended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_chosen_as_there_is_room_for() {
        assert_eq!(choose(1, 5, 9), BTreeSet::from([0, 1, 2, 3, 4]));
        for seed in 0..50 {
            let chosen = choose(seed, 100, 30);
            assert_eq!(chosen.len(), 30);
            assert!(chosen.iter().all(|index| *index < 100));
        }
        assert!(choose(1, 5, 0).is_empty());
    }

    #[test]
    fn every_record_and_moment_is_among_what_can_follow() {
        let one = CrashSchedule::new([(0, Moment::Before)]);
        let survived = [(CrashSchedule::default(), 2), (one, 1)];
        let all = extended(&survived, &choose(1, 9, 9));
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 9);
        assert!(distinct.contains(&CrashSchedule::new([(1, Moment::Lost)])));
        assert!(distinct.contains(&CrashSchedule::new([(0, Moment::Before), (0, Moment::Lost)])));
    }
}
