use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use maniple_core::{AgentError, BaseAgent, RunContext};
use tokio::time::Instant;

use super::fold::{ByArrival, Gaps, InOrder, Order, Tree};
use super::{Combined, Combiner, MapReduce, Recording};
use crate::fan_out::{Begun, FanOut, Naming, Sink};
use crate::inputs::Inputs;
use crate::partial::Partial;
use crate::policy::{Policy, Tolerance};
use crate::report::{PatternReport, Reported};

/// How many cores there are, asked once: the answer is in files that take longer to read than a small
/// map takes.
fn cores() -> NonZeroUsize {
    static CORES: OnceLock<NonZeroUsize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// Whoever wants to see each output that counts.
type Tell<'a, O> = &'a (dyn Fn(usize, &O) + Sync);

impl<A, C, P> MapReduce<A, C, P>
where
    A: BaseAgent,
    C: Combiner<Item = A::Output>,
    P: Policy,
{
    pub(super) async fn drive(
        &self,
        inputs: Inputs<A::Input>,
        cx: &RunContext,
        tell: Option<Tell<'_, A::Output>>,
    ) -> Reported<Combined<C, P>> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.combine(inputs, cx, tell, &mut report).await;
        report.wall = began.elapsed();
        let whole = |value| value;
        Reported { result: result.map(|partial| P::output(partial, whole, whole)), report }
    }

    async fn combine(
        &self,
        inputs: Inputs<A::Input>,
        cx: &RunContext,
        tell: Option<Tell<'_, A::Output>>,
        report: &mut PatternReport,
    ) -> Result<Partial<C::Value>, AgentError> {
        if self.recording == Recording::Branches {
            self.check_shape(&inputs, cx)?;
        }
        let fan_out = FanOut {
            cx,
            inputs,
            naming: self.naming.clone(),
            limit: self.concurrency.unwrap_or_else(cores).get(),
            grace: self.grace,
            tolerance: self.tolerance,
            recorded: self.recording == Recording::Branches,
        };
        let (agent, call) = (self.agent.clone(), self.call);
        let work = move |begun: Begun, input| {
            let agent = agent.clone();
            async move { call(&agent, input, &begun.cx).await }
        };
        match self.order {
            Order::Arrival => {
                let mut sink = Told { sink: ByArrival::new(&*self.combiner), tell };
                let left_out = fan_out.run(&mut sink, |_| work, report).await?;
                Ok(left_out.map(|()| sink.sink.finish()))
            }
            // Which outputs count is not known where they are made, and nobody sees them after.
            Order::Tree if tell.is_none() && !matches!(self.tolerance, Tolerance::Quorum(_)) => {
                let tree = Arc::new(Tree::new(self.combiner.clone()));
                let planted = tree.clone();
                let work = move |begun: Begun, input| {
                    let index = begun.index;
                    let (tree, child) = (planted.clone(), work(begun, input));
                    async move {
                        tree.put(index, Some(child.await?));
                        Ok(())
                    }
                };
                let left_out = fan_out.run(&mut Gaps::new(&tree), |_| work, report).await?;
                Ok(left_out.map(|()| tree.finish()))
            }
            Order::Inputs | Order::Tree => {
                let mut sink = Told { sink: InOrder::new(&*self.combiner), tell };
                let left_out = fan_out.run(&mut sink, |_| work, report).await?;
                Ok(left_out.map(|()| sink.sink.finish()))
            }
        }
    }

    fn check_shape(&self, inputs: &Inputs<A::Input>, cx: &RunContext) -> Result<(), AgentError> {
        // Keys tell inputs apart in whatever list they stand; an index means one list alone.
        let inputs = match self.naming {
            Naming::Index => inputs.total(),
            Naming::Key(_) | Naming::Names(_) => None,
        };
        let tolerance = self.tolerance.shape();
        let (naming, order) = (self.naming.name(), self.order.name());
        cx.check_shape(&("map-reduce", self.agent.name(), naming, order, tolerance, inputs))
    }
}

/// A sink whose outputs are shown to somebody.
struct Told<'a, S, O> {
    sink: S,
    tell: Option<Tell<'a, O>>,
}

impl<O, S: Sink<O>> Sink<O> for Told<'_, S, O> {
    fn put(&mut self, index: usize, output: Option<O>) {
        if let (Some(tell), Some(output)) = (self.tell, &output) {
            tell(index, output);
        }
        self.sink.put(index, output);
    }

    fn taken(&self) -> usize {
        self.sink.taken()
    }

    fn failure(&self, cx: &RunContext) -> Option<AgentError> {
        self.sink.failure(cx)
    }
}
