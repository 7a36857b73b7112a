//! Generated programs of patterns in patterns, up to four deep, crashed at every prefix of their
//! journals.

mod patterns;
mod program;
mod wrapped;

use std::collections::BTreeSet;

use maniple_core::{
    AgentError, Class, Digest, Fact, Outcome, Reconciled, Record, RecordedError, reconciler_fn,
};
use maniple_testkit::{Crash, Ended, Machine, Moment, Random};

use crate::common::*;
use program::Program;

/// How many programs of which depth.
const PROGRAMS: [(u64, u64); 2] = [(24, 3), (8, 4)];

/// The longest journal that is crashed at each of its records; of longer ones, some are left out.
const RECORDS: usize = 32;

/// Who answers for steps in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oracle {
    /// The service, which knows what it was given.
    Service,
    /// Nobody.
    Nobody,
}

/// What a host does: resumes the run, delivers what it waits for, and goes on until it has ended.
async fn host(
    machine: &Machine,
    program: &Program,
    oracle: Oracle,
    crashes: &[Crash],
) -> Result<u64, RecordedError> {
    let mut crashes = crashes.iter().cloned();
    let mut before = None;
    for _ in 0..40 {
        let world = machine.world().clone();
        let service = reconciler_fn(move |doubt| {
            let answer = world.answer(doubt.idempotency_key);
            std::future::ready(answer.map_or(Reconciled::Rerun, Reconciled::Completed))
        });
        let crash = crashes.next().unwrap_or_else(Crash::never);
        let configure = |run: maniple_core::RunBuilder| match oracle {
            Oracle::Service => run.with_reconciler(service),
            Oracle::Nobody => run,
        };
        let ended = machine.boot(crash, configure, |p| program.build(&p), 1).await;
        let Ended::Returned(result, _) = ended else { continue };
        match result {
            Err(AgentError::Suspended { signals }) => {
                let run = machine.run().open().await.unwrap();
                for signal in signals.iter() {
                    run.deliver(signal, &(signal.as_str().len() as u64)).await.unwrap();
                }
            }
            // Tried again as long as that changes anything.
            Err(error)
                if error.class() == Class::Transient
                    && before.replace(progress(machine)) != Some(progress(machine)) => {}
            settled => return recorded(settled),
        }
    }
    panic!("the host resumed forty times, and the run has not ended");
}

/// What has happened in the world, and what is final of it.
fn progress(machine: &Machine) -> (usize, usize) {
    let is_final = |r: &Record| !matches!(r.fact, Fact::Entered { .. } | Fact::Failed { .. });
    let records = machine.records();
    (machine.world().effects().values().sum(), records.iter().filter(|r| is_final(r)).count())
}

/// That no step with a strong effect had it twice, whatever happened.
fn check_once(machine: &Machine) {
    for record in machine.records() {
        if let Fact::Intent { effect, .. } = record.fact
            && !effect.may_repeat()
        {
            let times = machine.world().executions(record.key.as_str());
            assert!(times <= 1, "{} is {effect} and happened {times} times", record.key);
        }
    }
}

/// That each pattern was settled once.
fn check_settled(machine: &Machine) {
    let mut settled = BTreeSet::new();
    for record in machine.records() {
        if matches!(record.fact, Fact::Decided { .. }) && record.key.as_str().contains(":%settled")
        {
            assert!(settled.insert(record.key.clone()), "{} was settled twice", record.key);
        }
    }
}

/// What became of the runs that were crashed.
#[derive(Debug, Default)]
struct Examined {
    crashed: usize,
    parked: usize,
    /// Where time or arrival has a say.
    raced: usize,
    settled: usize,
}

#[tokio::test(start_paused = true)]
async fn generated_programs() {
    let mut examined = Examined::default();
    for (programs, depth) in PROGRAMS {
        examine(programs, depth, &mut examined).await;
    }
    println!("{examined:?}");
    let Examined { crashed, parked, raced, settled } = examined;
    let reached = crashed > 1000 && parked > 0 && raced > 0 && settled > 0;
    assert!(reached, "the programs reach what they are for");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_few_generated_programs() {
    examine(8, 3, &mut Examined::default()).await;
}

async fn examine(programs: u64, depth: u64, examined: &mut Examined) {
    for seed in 0..programs {
        let mut random = Random::new(seed ^ (depth << 32));
        let program = Program::generate(&mut random, depth);
        for oracle in [Oracle::Service, Oracle::Nobody] {
            let uncrashed = new_machine(seed);
            let expected = host(&uncrashed, &program, oracle, &[]).await;
            check(&uncrashed);
            let records = uncrashed.records().len();
            for place in (0..records).step_by(records.div_ceil(RECORDS).max(1)) {
                for moment in Moment::ALL {
                    let machine = new_machine(seed);
                    // The next process dies too, soon after; and the one after that.
                    let again = Crash::at(random.index(4), Moment::ALL[random.index(3)]);
                    let deaths = [Crash::at(place, moment), again.clone(), again];
                    let got = host(&machine, &program, oracle, &deaths).await;
                    let place = format!(
                        "seed {seed}, depth {depth}, {oracle:?}, record {place}, {moment:?}: \
                         {program:?}"
                    );
                    assert_eq!(machine.check(), Ok(()), "{place}");
                    check_once(&machine);
                    check_settled(&machine);
                    examined.crashed += 1;
                    let settled = |r: &Record| r.key.as_str().contains(":%settled");
                    examined.settled += usize::from(machine.records().iter().any(settled));
                    match &got {
                        Err(RecordedError { class: Class::Parked, .. })
                            if oracle == Oracle::Nobody =>
                        {
                            examined.parked += 1;
                        }
                        got if program.races() => {
                            examined.raced += 1;
                            check_again(&machine, &program, oracle, got, &place).await;
                        }
                        got => assert_eq!(*got, expected, "{place}"),
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn generated_programs_of_which_outputs_are_withheld() {
    let mut withheld = 0;
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let program = Program::generate(&mut random, 3);
        if program.races() {
            continue;
        }
        let expected = host(&new_machine(seed), &program, Oracle::Service, &[]).await;
        // One receipt in two, of steps and branches alike.
        let which = move |record: &Record| {
            let key = Digest::of_bytes(record.key.as_str().as_bytes());
            (u64::from(key.as_bytes()[0]) + seed).is_multiple_of(2)
        };
        let records = {
            let machine = new_machine(seed).withholding(which);
            assert_eq!(host(&machine, &program, Oracle::Service, &[]).await, expected);
            machine.records().len()
        };
        for place in 0..records.min(RECORDS) {
            for moment in Moment::ALL {
                let machine = new_machine(seed).withholding(which);
                let again = Crash::at(random.index(4), Moment::ALL[random.index(3)]);
                let deaths = [Crash::at(place, moment), again];
                let got = host(&machine, &program, Oracle::Service, &deaths).await;
                let place = format!("seed {seed}, record {place}, {moment:?}: {program:?}");
                assert_eq!(got, expected, "{place}");
                assert_eq!(machine.check(), Ok(()), "{place}");
                check_once(&machine);
                check_settled(&machine);
                let is_withheld = |record: &Record| {
                    matches!(&record.fact, Fact::Receipt { outcome: Outcome::Withheld, .. })
                };
                withheld += machine.records().iter().filter(|r| is_withheld(r)).count();
            }
        }
    }
    assert!(withheld > 1000, "the programs reach what they are for: {withheld}");
}

/// That a run which has ended answers the same ever after.
async fn check_again(
    machine: &Machine,
    program: &Program,
    oracle: Oracle,
    got: &Result<u64, RecordedError>,
    place: &str,
) {
    if let Err(error) = got
        && error.class != Class::Permanent
    {
        let class = error.class;
        assert!(matches!(class, Class::Panicked | Class::Transient), "{got:?}, {place}");
        return;
    }
    let effects = machine.world().effects();
    assert_eq!(host(machine, program, oracle, &[]).await, *got, "{place}");
    assert_eq!(machine.world().effects(), effects, "nothing runs again: {place}");
    assert_eq!(machine.check(), Ok(()), "{place}");
}
