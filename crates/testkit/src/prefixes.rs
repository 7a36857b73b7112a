use std::fmt::Debug;

use maniple_core::{AgentError, BaseAgent, Class, RecordedError};

use crate::crash::{Crash, Moment};
use crate::machine::{Ended, Machine};
use crate::world::{Process, Violation};

/// What [`at_every_prefix`] looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Examined {
    /// Records of the uncrashed run.
    pub records: usize,
    /// Runs that were crashed and resumed.
    pub crashes: usize,
    /// Of those, the ones that ended parked, because a step in doubt had no answer.
    pub parked: usize,
}

/// Runs an agent once without a crash, and then again for every record of its journal and every
/// [`Moment`], crashing there and resuming until it ends. Each of them must end as the first did,
/// or parked, with no finished step run again and nothing left alive.
///
/// # Errors
/// The first [`Violation`], with the place of the crash.
pub async fn at_every_prefix<A, B>(
    seed: u64,
    build: B,
    input: A::Input,
) -> Result<Examined, Violation>
where
    A: BaseAgent,
    A::Input: Clone,
    A::Output: Debug + PartialEq,
    B: Fn(Process) -> A,
{
    let uncrashed = Machine::new(seed);
    let ended = uncrashed.boot(Crash::never(), |run| run, &build, input.clone()).await;
    uncrashed.check()?;
    let expected = comparable(ended.result());
    let mut examined = Examined { records: uncrashed.records().len(), ..Examined::default() };
    for place in 0..examined.records {
        for moment in Moment::ALL {
            let at = |v: Violation| Violation(format!("crash at record {place}, {moment:?}: {v}"));
            let machine = Machine::new(seed);
            let crash = Crash::at(place, moment);
            let died = machine.boot(crash, |run| run, &build, input.clone()).await;
            examined.crashes += usize::from(died.is_crash());
            let ended = match died {
                Ended::Crashed => {
                    machine.boot(Crash::never(), |run| run, &build, input.clone()).await
                }
                // Another interleaving may have written fewer records.
                returned @ Ended::Returned(..) => returned,
            };
            machine.check().map_err(at)?;
            let got = comparable(ended.result());
            if matches!(&got, Err(RecordedError { class: Class::Parked, .. })) {
                examined.parked += 1;
            } else if got != expected {
                return Err(at(Violation(format!("ended as {got:?}, uncrashed as {expected:?}"))));
            }
        }
    }
    Ok(examined)
}

/// Two results are the same when output, or class and text of the error, are.
fn comparable<O>(result: Result<O, AgentError>) -> Result<O, RecordedError> {
    result.map_err(|error| error.recorded())
}
