//! Whether a saga is taken back, whatever goes wrong in it.

mod broken;
mod process;

use std::sync::Arc;

use maniple_core::{AgentError, MemoryJournal};
use serde::Serialize;
use tokio::sync::mpsc;

pub use broken::{BrokenSaga, Disturbance, SagaFault};
use process::{Bench, Rule, Seen, What};

use crate::saga::{Compensated, Decision, Described, Faults, Moment, Order, Part, Saga};

/// Lets everything go wrong in a saga, one thing after the other: fails each action and each undo, loses
/// what they answer, panics in each, runs each twice that may run twice, cancels the run during each
/// action, and lets the process die at each record of its journal. Returns the first law that is broken,
/// and which step breaks it:
///
/// - What was taken back leaves the world as it was at first, and what has committed as an undisturbed
///   run does.
/// - A saga ends committed, compensated or parked. It is parked where an undo fails, naming that step,
///   and an operator who lets it be tried again ends it; and at a step that cannot be taken back.
/// - Whatever is run twice changes nothing.
///
/// `build` makes a world of its own each time: the saga in it, the saga's input, and how the world is
/// looked at. The saga does one thing at a time here. It is only as good as that look: what is not seen
/// is not noticed. What a step [leaves for good](crate::Undoable::nothing_to_undo) is best not looked at.
/// Where a step was done that [cannot be taken back](crate::Undoable::cannot_undo), the world is not
/// compared.
///
/// A test in [paused time](tokio::time::pause) does not wait for what sleeps.
///
/// ```
/// use std::collections::BTreeSet;
/// use std::sync::{Arc, Mutex};
///
/// use maniple_core::Effect;
/// use maniple_orchestration::Saga;
/// use maniple_orchestration::testkit::check_saga;
///
/// type World = Arc<Mutex<BTreeSet<String>>>;
///
/// fn trip(world: &World) -> Saga<String, ()> {
///     let mut trip = Saga::builder("trip");
///     for what in ["flight", "hotel"] {
///         let (book, cancel) = (world.clone(), world.clone());
///         trip.step(what)
///             .run(Effect::Reversible, move |to: String, (), _| {
///                 book.lock().unwrap().insert(format!("{what} to {to}"));
///                 async { Ok(()) }
///             })
///             .undo(move |booked, _| {
///                 cancel.lock().unwrap().remove(&format!("{what} to {}", booked.input));
///                 async { Ok(()) }
///             });
///     }
///     trip.build(()).unwrap()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let checked = check_saga(|| {
///     let world = World::default();
///     (trip(&world), "Rome".to_owned(), async move || world.lock().unwrap().clone())
/// });
/// checked.await.unwrap();
/// # }
/// ```
///
/// # Errors
/// The first law that is broken.
///
/// # Cancel safety
/// Dropped, it leaves the world that it was at as it is.
pub async fn check_saga<I, O, S, W>(
    build: impl Fn() -> (Saga<I, O>, I, W),
) -> Result<(), BrokenSaga<S>>
where
    I: Clone + Serialize + Send + Sync + 'static,
    O: Send + 'static,
    S: Clone + PartialEq,
    W: AsyncFn() -> S,
{
    let (saga, _, observe) = build();
    let (steps, at_first) = (saga.steps(), observe().await);
    let mut bench = bench(&build, Vec::new());
    bench.execute(usize::MAX).await.map_err(BrokenSaga::Failed)?;
    let committed = (bench.observe)().await;
    let after = bench.seen.into_iter().filter(|seen| seen.moment == Moment::After);
    let after = after.map(|seen| (seen.step, seen.world)).collect();
    let check = Check { build, steps, at_first, after, committed };
    for (at, step) in check.steps.iter().enumerate() {
        check.actions(step).await?;
        if step.has_undo {
            check.undos(at).await?;
        }
    }
    let Some(last) = check.steps.last() else { return Ok(()) };
    check.crashes(last, Vec::new(), |records| SagaFault::Crash { records }).await?;
    let fails = vec![rule(last, Part::Action, Moment::Before, Order::Fail)];
    check.crashes(last, fails, |records| SagaFault::CrashOfUndos { records }).await
}

fn bench<I, O, S, W>(
    build: &impl Fn() -> (Saga<I, O>, I, W),
    rules: Vec<Rule>,
) -> Bench<I, O, W, S> {
    let (saga, input, observe) = build();
    let (asks, asked) = mpsc::unbounded_channel();
    let saga = Arc::new(saga.disturbed(Faults { asked: Some(asks) }));
    let (journal, seen) = (MemoryJournal::new(), Vec::new());
    Bench { saga, input, observe, asked, rules, journal, seen, has_died: false }
}

fn rule(step: &Described, part: Part, moment: Moment, order: Order) -> Rule {
    Rule { step: step.name.clone(), part, moment, what: What::Order(order), is_once: false }
}

struct Check<B, S> {
    build: B,
    steps: Vec<Described>,
    at_first: S,
    /// The world after each action of an undisturbed run.
    after: Vec<(String, S)>,
    committed: S,
}

/// How a saga may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    Commit,
    Compensate,
    Either,
}

impl Must {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "committed",
            Self::Compensate | Self::Either => "compensated",
        }
    }
}

impl<I, O, S, W, B> Check<B, S>
where
    I: Clone + Serialize + Send + Sync + 'static,
    O: Send + 'static,
    S: Clone + PartialEq,
    W: AsyncFn() -> S,
    B: Fn() -> (Saga<I, O>, I, W),
{
    /// Everything that may go wrong in the action of a step.
    async fn actions(&self, step: &Described) -> Result<(), BrokenSaga<S>> {
        use Moment::{After, Before};
        let faults = [
            (SagaFault::ActionFails, Before, What::Order(Order::Fail), Must::Compensate),
            (SagaFault::ActionLost, After, What::Order(Order::Lose), Must::Compensate),
            (SagaFault::ActionPanics, Before, What::Order(Order::Panic), Must::Compensate),
            (SagaFault::ActionPanicsLate, After, What::Order(Order::Panic), Must::Compensate),
            (SagaFault::ActionTwice, Before, What::Order(Order::Repeat), Must::Commit),
            (SagaFault::Cancelled, Before, What::Cancel, Must::Either),
        ];
        for (fault, moment, what, must) in faults {
            if fault == SagaFault::ActionTwice && !step.may_repeat {
                continue;
            }
            let disturbed = Disturbance { step: step.name.clone(), fault };
            let (name, part) = (step.name.clone(), Part::Action);
            let rules = vec![Rule { step: name, part, moment, what, is_once: false }];
            let mut bench = bench(&self.build, rules);
            let ended = bench.execute(usize::MAX).await;
            self.settle(&mut bench, ended, must, &disturbed).await?;
        }
        Ok(())
    }

    /// Everything that may go wrong in the undo of a step, when a later one has failed.
    async fn undos(&self, at: usize) -> Result<(), BrokenSaga<S>> {
        use Moment::{After, Before};
        let step = &self.steps[at];
        // Of the last one only the answer can be lost.
        let fails = match self.steps.get(at + 1) {
            Some(next) => rule(next, Part::Action, Before, Order::Fail),
            None => rule(step, Part::Action, After, Order::Lose),
        };
        let faults = [
            (SagaFault::UndoFails, Before, Order::Fail),
            (SagaFault::UndoFailsLate, After, Order::Fail),
            (SagaFault::UndoPanics, Before, Order::Panic),
            (SagaFault::UndoPanicsLate, After, Order::Panic),
            (SagaFault::UndoTwice, Before, Order::Repeat),
        ];
        for (fault, moment, order) in faults {
            let disturbed = Disturbance { step: step.name.clone(), fault };
            let undo = Rule { is_once: true, ..rule(step, Part::Undo, moment, order) };
            let mut bench = bench(&self.build, vec![fails.clone(), undo]);
            let mut ended = bench.execute(usize::MAX).await;
            if fault != SagaFault::UndoTwice {
                ended = self.retry(&mut bench, ended, &disturbed).await?;
            }
            self.settle(&mut bench, ended, Must::Compensate, &disturbed).await?;
        }
        Ok(())
    }

    /// An undo that has failed is parked, and an operator lets it be tried again.
    async fn retry(
        &self,
        bench: &mut Bench<I, O, W, S>,
        mut ended: Result<(), AgentError>,
        disturbed: &Disturbance,
    ) -> Result<Result<(), AgentError>, BrokenSaga<S>> {
        loop {
            let parked = self.parked(&ended);
            let Some((key, step)) = parked else {
                let (step, expected) = (disturbed.step.clone(), "parked");
                let (disturbed, found) = (disturbed.clone(), ended.err());
                return Err(BrokenSaga::Ended { step, disturbed, expected, found });
            };
            let is_it = step.name == disturbed.step;
            let decision = if is_it { Decision::Retry } else { Decision::Skip };
            if !is_it && !step.is_final {
                return Ok(ended);
            }
            bench.deliver(&key, &decision).await.map_err(BrokenSaga::Failed)?;
            ended = bench.execute(usize::MAX).await;
            if is_it {
                return Ok(ended);
            }
        }
    }

    /// The step at which a saga is parked, and the key of what is waited for.
    fn parked(&self, ended: &Result<(), AgentError>) -> Option<(maniple_core::Key, &Described)> {
        let Err(AgentError::Parked { step: key, reason }) = ended else { return None };
        let is_named = |step: &&Described| reason.starts_with(&format!("step {:?} of", step.name));
        Some((key.clone(), self.steps.iter().find(is_named)?))
    }

    /// Lets the process die at each record, and goes on in another.
    async fn crashes(
        &self,
        last: &Described,
        rules: Vec<Rule>,
        fault: fn(usize) -> SagaFault,
    ) -> Result<(), BrokenSaga<S>> {
        let must = if rules.is_empty() { Must::Either } else { Must::Compensate };
        for records in 1.. {
            let mut bench = bench(&self.build, rules.clone());
            drop(bench.execute(records).await);
            if !bench.has_died {
                // It has ended before.
                return Ok(());
            }
            let at = bench.seen.last().map_or(&*last.name, |seen| &*seen.step);
            let disturbed = Disturbance { step: at.into(), fault: fault(records) };
            let ended = bench.execute(usize::MAX).await;
            self.settle(&mut bench, ended, must, &disturbed).await?;
        }
        Ok(())
    }

    /// Lets an operator skip what cannot be taken back, and compares how it has ended.
    async fn settle(
        &self,
        bench: &mut Bench<I, O, W, S>,
        mut ended: Result<(), AgentError>,
        must: Must,
        disturbed: &Disturbance,
    ) -> Result<(), BrokenSaga<S>> {
        let mut is_final = false;
        while let Some((key, step)) = self.parked(&ended)
            && step.is_final
        {
            is_final = true;
            bench.deliver(&key, &Decision::Skip).await.map_err(BrokenSaga::Failed)?;
            ended = bench.execute(usize::MAX).await;
        }
        let found = (bench.observe)().await;
        let (is_compensated, disturbed) = (is_compensated(&ended), disturbed.clone());
        let is_wrong = match must {
            Must::Commit => ended.is_err(),
            Must::Compensate => !is_compensated,
            Must::Either => ended.is_err() && !is_compensated,
        };
        if is_wrong {
            let step = self.parked(&ended).map_or(&disturbed.step, |(_, step)| &step.name).clone();
            let (expected, found) = (must.name(), ended.err());
            return Err(BrokenSaga::Ended { step, disturbed, expected, found });
        }
        if !is_compensated && found != self.committed {
            let step = self.acts_otherwise(bench).unwrap_or(disturbed.step.clone());
            let expected = self.committed.clone();
            return Err(BrokenSaga::NotCommitted { step, disturbed, expected, found });
        }
        if is_compensated && !is_final && found != self.at_first {
            let step = self.undoes_otherwise(bench).unwrap_or(disturbed.step.clone());
            let expected = self.at_first.clone();
            return Err(BrokenSaga::NotTakenBack { step, disturbed, expected, found });
        }
        Ok(())
    }

    /// The first step after whose action the world was not as it was in an undisturbed run.
    fn acts_otherwise(&self, bench: &Bench<I, O, W, S>) -> Option<Arc<str>> {
        let after = |seen: &&Seen<S>| (seen.part, seen.moment) == (Part::Action, Moment::After);
        let mut seen = bench.seen.iter().filter(after);
        let other = seen.find(|seen| self.around(&seen.step).is_some_and(|w| *w[1] != seen.world));
        other.map(|seen| seen.step.as_str().into())
    }

    /// The first step after whose undo the world was not as it was before its action, though that, or
    /// what the action leaves, is how the undo has found it.
    fn undoes_otherwise(&self, bench: &Bench<I, O, W, S>) -> Option<Arc<str>> {
        let undos = bench.seen.iter().filter(|seen| seen.part == Part::Undo);
        let mut found: Option<&Seen<S>> = None;
        for seen in undos {
            let Some(around) = self.around(&seen.step) else { continue };
            match seen.moment {
                Moment::Before => found = Some(seen),
                Moment::After => {
                    let before = found.filter(|found| found.step == seen.step);
                    let is_sound = before.is_some_and(|before| around.contains(&&before.world));
                    if is_sound && *around[0] != seen.world {
                        return Some(seen.step.as_str().into());
                    }
                }
            }
        }
        None
    }

    /// The world before and after the action of a step, in an undisturbed run.
    fn around(&self, step: &str) -> Option<[&S; 2]> {
        let at = self.after.iter().position(|(name, _)| *name == *step)?;
        let before = at.checked_sub(1).map_or(&self.at_first, |before| &self.after[before].1);
        Some([before, &self.after[at].1])
    }
}

fn is_compensated(ended: &Result<(), AgentError>) -> bool {
    match ended {
        Err(AgentError::Failed { source, .. }) => source.is::<Compensated>(),
        _ => false,
    }
}
