use std::collections::{BTreeMap, HashMap};

use maniple_core::{AgentError, BaseAgent, ChildKey, Class, Done, RunContext, Scope};

use super::{Combiner, MapReduce, Naming, Recording};
use crate::error::PatternError;
use crate::report::PatternReport;

impl<A, C> MapReduce<A, C>
where
    A: BaseAgent,
    C: Combiner<Value = A::Output>,
{
    pub(super) async fn drive(
        &self,
        inputs: Vec<A::Input>,
        cx: &RunContext,
        report: &mut PatternReport,
    ) -> Result<C::Value, AgentError> {
        if self.recording == Recording::Branches {
            let naming = match self.naming {
                Naming::Index => "index",
                Naming::Key(_) => "key",
            };
            cx.check_shape(&("map-reduce", self.agent.name(), naming, "fail-fast"))?;
        }
        let mut keys = Keys::new(&self.naming);
        let mut inputs = inputs.into_iter().enumerate();
        let mut ordered = Ordered::new(&self.combiner);
        // A failure that the journal knows decides, whatever else might now succeed.
        let mut failure = cx.first_failure();
        let mut waiting: Option<AgentError> = None;

        let mut scope = Scope::open(cx)?.with_grace(self.grace);
        loop {
            while failure.is_none() && scope.len() < self.concurrency.get() {
                let Some((index, input)) = inputs.next() else {
                    break;
                };
                match keys.of(index, &input) {
                    Ok(key) => {
                        let child = scope.child_at(key);
                        let (agent, call) = (self.agent.clone(), self.call);
                        scope.spawn(child, move |cx| async move { call(&agent, input, &cx).await });
                        report.started += 1;
                    }
                    Err(duplicate) => failure = Some(duplicate.into()),
                }
            }
            if failure.is_some() {
                scope.stop();
            }
            let Some(Done { index, result, timing }) = scope.next().await else {
                break;
            };
            report.count(timing, &result);
            match result {
                Ok(output) => ordered.put(index, output),
                Err(error) if is_waiting(&error, cx) => merge(&mut waiting, error),
                Err(error) => merge(&mut failure, error),
            }
        }
        scope.close().await;

        let Some(failure) = failure else {
            return match waiting {
                None => Ok(ordered.finish()),
                Some(waiting) => Err(waiting),
            };
        };
        self.settle(failure, waiting, cx).await
    }

    /// Ends with a failure. One that is final is the one that was journaled first, and closes what
    /// the other children have left open.
    async fn settle(
        &self,
        failure: AgentError,
        waiting: Option<AgentError>,
        cx: &RunContext,
    ) -> Result<C::Value, AgentError> {
        if matches!(failure.class(), Class::Parked | Class::Diverged) {
            return Err(failure);
        }
        let failure = cx.first_failure().unwrap_or(failure);
        match failure.class() {
            Class::Permanent => {
                cx.close_inside().await?;
                Err(failure)
            }
            // Cancelled is no failure of a child: one that waits says more.
            _ => Err(waiting.map_or(failure.clone(), |waiting| failure.merge(waiting))),
        }
    }
}

#[cfg(feature = "broken")]
fn is_waiting(error: &AgentError, cx: &RunContext) -> bool {
    error.class() == Class::Suspended && !cx.breaks(maniple_core::Rule::SuspendedIsNoFailure)
}

#[cfg(not(feature = "broken"))]
fn is_waiting(error: &AgentError, _: &RunContext) -> bool {
    error.class() == Class::Suspended
}

fn merge(into: &mut Option<AgentError>, error: AgentError) {
    *into = Some(match into.take() {
        Some(before) => before.merge(error),
        None => error,
    });
}

/// Names the children.
struct Keys<'a, I> {
    naming: &'a Naming<I>,
    seen: HashMap<String, usize>,
}

impl<'a, I> Keys<'a, I> {
    fn new(naming: &'a Naming<I>) -> Self {
        Self { naming, seen: HashMap::new() }
    }

    fn of(&mut self, index: usize, input: &I) -> Result<ChildKey, PatternError> {
        match self.naming {
            Naming::Index => Ok(ChildKey::Index(index as u64)),
            Naming::Key(key) => {
                let key = key(input);
                if let Some(first) = self.seen.insert(key.clone(), index) {
                    return Err(PatternError::DuplicateKey { key, first, second: index });
                }
                Ok(key.into())
            }
        }
    }
}

/// Combines outputs in the order of their inputs, as soon as that order allows.
struct Ordered<'a, C: Combiner> {
    combiner: &'a C,
    value: Option<C::Value>,
    next: usize,
    early: BTreeMap<usize, C::Value>,
}

impl<'a, C: Combiner> Ordered<'a, C> {
    fn new(combiner: &'a C) -> Self {
        Self { combiner, value: None, next: 0, early: BTreeMap::new() }
    }

    fn put(&mut self, index: usize, output: C::Value) {
        self.early.insert(index, output);
        while let Some(output) = self.early.remove(&self.next) {
            self.value = Some(match self.value.take() {
                Some(before) => self.combiner.combine(before, output),
                None => output,
            });
            self.next += 1;
        }
    }

    fn finish(self) -> C::Value {
        self.value.unwrap_or_else(|| self.combiner.identity())
    }
}
