use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use maniple_core::{AgentError, BaseAgent, Class, RunContext, Scope};

use super::queue::Queue;
use super::{Combiner, MapReduce, Naming, Recording};
use crate::report::PatternReport;

/// How far inputs are pulled ahead of what is combined, at least.
const WINDOW: usize = 256;

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
        let total = inputs.len();
        let limit = self.concurrency.get().min(total);
        let queue = Arc::new(Queue::new(inputs, self.naming.clone(), WINDOW.max(4 * limit)));
        let mut ordered = Ordered::new(&self.combiner);
        // A failure that the journal knows decides, whatever else might now succeed.
        let mut failure = cx.first_failed_child();
        let mut waiting: Option<AgentError> = None;

        let mut scope = Scope::open(cx)?.with_grace(self.grace);
        for _ in 0..if failure.is_none() { limit } else { 0 } {
            let (agent, call) = (self.agent.clone(), self.call);
            let work = move |input, cx: RunContext| {
                let agent = agent.clone();
                async move { call(&agent, input, &cx).await }
            };
            scope.spawn_worker(queue.clone().work(scope.children(), work));
        }
        let mut alive = true;
        while alive {
            match select(pin!(queue.news()), pin!(scope.next())).await {
                Either::Left(_) => {}
                Either::Right((None, _)) => alive = false,
                Either::Right((Some(worker), _)) => {
                    if let Err(error @ AgentError::Panicked { .. }) = worker.result {
                        merge(&mut failure, error);
                    }
                }
            }
            for ended in queue.take() {
                let timing = queue.timing(&ended);
                let result = ended.result.unwrap_or_else(|| Err(stopped(cx)));
                report.count(timing, &result);
                match result {
                    Ok(output) => ordered.put(ended.index, Some(output)),
                    Err(error) if is_waiting(&error, cx) => {
                        ordered.put(ended.index, None);
                        merge(&mut waiting, error);
                    }
                    Err(error) => merge(&mut failure, error),
                }
            }
            queue.advance(ordered.next);
            if failure.is_some() {
                queue.stop();
                scope.stop();
            }
        }
        scope.close().await;
        report.started = queue.pulled();
        if failure.is_none() && ordered.next < total {
            // Stopped from above, with inputs that nobody has come to, or a child that does not end.
            failure = Some(stopped(cx));
        }

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
        let failure = cx.first_failed_child().unwrap_or(failure);
        match failure.class() {
            Class::Permanent => {
                cx.close_children().await?;
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

/// Why a child was stopped that had not failed.
fn stopped(cx: &RunContext) -> AgentError {
    cx.check().err().unwrap_or_else(|| AgentError::Cancelled { key: cx.path() })
}

/// Combines outputs in the order of their inputs, as soon as that order allows.
struct Ordered<'a, C: Combiner> {
    combiner: &'a C,
    value: Option<C::Value>,
    next: usize,
    /// What is ahead of its turn; nothing, where an input waits for a signal.
    early: BTreeMap<usize, Option<C::Value>>,
}

impl<'a, C: Combiner> Ordered<'a, C> {
    fn new(combiner: &'a C) -> Self {
        Self { combiner, value: None, next: 0, early: BTreeMap::new() }
    }

    fn put(&mut self, index: usize, output: Option<C::Value>) {
        if index != self.next {
            self.early.insert(index, output);
            return;
        }
        self.take(output);
        while let Some(output) = self.early.remove(&self.next) {
            self.take(output);
        }
    }

    fn take(&mut self, output: Option<C::Value>) {
        self.next += 1;
        self.value = match (self.value.take(), output) {
            (Some(before), Some(output)) => Some(self.combiner.combine(before, output)),
            (before, output) => before.or(output),
        };
    }

    fn finish(self) -> C::Value {
        self.value.unwrap_or_else(|| self.combiner.identity())
    }
}
