//! One run of an agent, from the first process that opens it to the last.

mod builder;
mod clock;
mod shields;
mod state;
mod stats;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;
use serde::Serialize;

pub use builder::RunBuilder;
pub(crate) use clock::Shielded;
pub(crate) use state::RunState;
pub use stats::RunStats;
pub(crate) use stats::count;

use crate::agent::BaseAgent;
use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::env::Env;
use crate::context::node::{Node, Segment};
use crate::error::AgentError;
use crate::event::Events;
use crate::evidence::Receipt;
use crate::identity::{Key, RunId};
use crate::journal::{Fact, Mark, Payload};
use crate::scope::{Ended, Live, Scope};
use crate::signal::Delivery;

/// A run: the journal it keeps, the budget and time it may use, and the handle to stop, pause,
/// observe and signal it.
///
/// ```
/// use maniple_core::{AgentError, Budget, Run, agent_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let double = agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) });
/// let run = Run::builder("example")
///     .with_budget(Budget::UNLIMITED.with_tokens(10_000))
///     .with_deadline(std::time::Duration::from_secs(60))
///     .open()
///     .await?;
/// assert_eq!(run.execute(double, 21).await?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Run {
    env: Env,
    root: Mutex<Root>,
    grace: Duration,
}

/// What keeps the tasks of this run countable.
struct Root {
    live: Arc<Live>,
    ended: Shared<Ended>,
    /// Of earlier roots whose tasks have not all ended.
    earlier: Vec<Shared<Ended>>,
    cx: RunContext,
}

impl Run {
    /// A run that is yet to be opened. The name is for people; it is no part of any key.
    pub fn builder(name: &str) -> RunBuilder {
        RunBuilder::new(name)
    }

    /// Runs an agent to its end, as a child of this run's root.
    ///
    /// It goes on where an earlier execution of an agent of that name stopped, in this process or in
    /// one before it. The clock of the run stands still between two executions, unless something is
    /// [shielded](Scope::shielded) from the end of one.
    ///
    /// # Errors
    /// The agent's error, or why the run stopped it. `Suspended` and `Parked` name what has to come
    /// from outside before the run is executed again; transient errors, cancellation and deadlines
    /// leave it unfinished too.
    ///
    /// # Cancel safety
    /// Dropping it stops everything below, as [`cancel`](Self::cancel) would: steps in flight have the
    /// run's grace to end and write their receipts, which is no working time, and are then aborted.
    /// [`quiesce`](Self::quiesce) waits until that is over; before, an agent of the same name may meet
    /// a step of the dropped execution, which is then `ConcurrentStep`.
    pub async fn execute<A: BaseAgent>(
        &self,
        agent: A,
        input: A::Input,
    ) -> Result<A::Output, AgentError> {
        // Fresh ordinals: executed again, an agent is the same one, and goes on where it stopped.
        let root = self.context().fresh();
        let _working = self.env.run.clock.work();
        let name = agent.name().to_owned();
        let work = move |cx| async move { agent.run(input, &cx).await };
        let result = Scope::run_one(&root, &name, self.grace, work).await?.result;
        let state = &self.env.run;
        let ended = match &result {
            Ok(_) => Some(None),
            Err(error) if root.is_receipt(error) => Some(Some(error.recorded())),
            Err(_) => None,
        };
        if let Some(error) = ended
            && !state.history().is_finished()
        {
            root.fresh().child(&name).close_inside().await?;
            state.record(&root.path(), Fact::Finished { error }).await?;
        }
        result
    }

    /// The context at the root of the run, from which a host that drives agents itself derives
    /// theirs. The clock runs from the opening of the run until an execution ends, and during each
    /// later one.
    pub fn context(&self) -> RunContext {
        self.root.lock().unwrap_or_else(PoisonError::into_inner).cx.clone()
    }

    /// The run's identity, as its journal keeps it.
    pub fn id(&self) -> &RunId {
        &self.env.run.id
    }

    /// The name that the run was first opened with.
    pub fn name(&self) -> &str {
        &self.env.run.name
    }

    /// What this process's part of the run has done.
    pub fn stats(&self) -> RunStats {
        self.env.run.counters.read()
    }

    /// How long the run has been working, over all its processes.
    pub fn worked(&self) -> Duration {
        self.env.run.clock.worked()
    }

    /// The run's events from here on; see [`Events`]. Those from the first one on are
    /// [`RunBuilder::events`].
    pub fn events(&self) -> Events {
        self.env.run.events.listen()
    }

    /// Asks everything to stop. Steps in flight have the run's grace to end; then they are aborted.
    pub fn cancel(&self) {
        self.env.stop.set(crate::scope::after(self.grace));
        self.env.token.cancel();
    }

    /// Holds agents at their next [pause point](RunContext::pause_point), and stops the clock. Patterns
    /// have one before each child.
    pub fn pause(&self) {
        self.env.run.clock.pause();
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.env.run.clock.resume();
    }

    /// Whether the journal answers for this step or branch: it holds the receipt, and that was not
    /// [withheld](crate::Record::withhold). What lies inside a branch that
    /// has one is forgotten, and not asked for again.
    pub fn is_done(&self, key: &Key) -> bool {
        self.env.run.history().is_done(key)
    }

    /// What has succeeded in the run, over all its processes, in the order of the keys. A branch that
    /// has ended stands for all that lies inside of it.
    ///
    /// It works without a journal too, though nobody can [check](crate::Claim::check) it then. What a
    /// store has withheld is known to the process that did it, and is cited in vain.
    pub fn receipts(&self) -> Vec<Receipt> {
        let outputs = self.env.run.history().outputs();
        Receipt::all(self.id(), outputs)
    }

    /// The signals that branches wait for, in order of their keys.
    pub fn awaited_signals(&self) -> Vec<Key> {
        self.env.run.history().awaited()
    }

    /// Delivers a signal, durably; the first delivery wins. A signal that no branch waits for yet is
    /// kept for it.
    ///
    /// # Errors
    /// `Codec` where the value has no form in JSON; `Parked` where the journal has stopped.
    ///
    /// # Cancel safety
    /// Dropped, the signal may have been delivered.
    pub async fn deliver<T: Serialize + ?Sized>(
        &self,
        signal: &Key,
        value: &T,
    ) -> Result<Delivery, AgentError> {
        if !signal.is_signal() {
            return Ok(Delivery::NotASignal);
        }
        let codec = |source| AgentError::Codec { key: signal.clone(), what: "input", source };
        let value = Payload::encode(value).map_err(codec)?;
        let run = &self.env.run;
        let written = run.record_where(signal, |history| match history.peek_mark(signal) {
            Some(Mark::Withdrawn) => Err(Delivery::Withdrawn),
            Some(Mark::Delivered(_)) if !history.replaces_deliveries => {
                Err(Delivery::AlreadyDelivered)
            }
            _ if history.is_inside_ended(signal) => Err(Delivery::Withdrawn),
            _ => Ok(Fact::Delivered { value }),
        });
        match written {
            Err(refused) => Ok(refused),
            Ok(durable) => {
                durable.await?;
                run.delivered.notify_waiters();
                Ok(Delivery::Accepted)
            }
        }
    }

    /// Waits until every task that this run has started is gone, those of dropped executions and
    /// scopes too. These have been asked to stop when they were dropped, and have their grace.
    ///
    /// A task that blocks its thread makes it wait for as long as it blocks. The contexts handed out
    /// before are dead afterwards.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn quiesce(&self) {
        if self.env.run.breaks(Rule::QuiesceWaits) {
            return;
        }
        let fresh = Root::new(&self.env);
        let ended = {
            let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut *root, fresh);
            root.earlier = before.earlier;
            root.earlier.push(before.ended);
            root.earlier.retain(|ended| ended.peek().is_none());
            root.earlier.clone()
        };
        futures::future::join_all(ended).await;
    }
}

impl Root {
    fn new(env: &Env) -> Self {
        let (live, ended) = Live::new(None);
        let env = Env { live: Arc::downgrade(&live), ..env.clone() };
        let cx = RunContext { node: Arc::new(Node::new(Arc::new(env), None, Segment::Root)) };
        Self { live, ended: ended.shared(), earlier: Vec::new(), cx }
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").field("fenced", &self.live.is_fenced()).finish_non_exhaustive()
    }
}

impl Drop for Run {
    /// What still runs is asked to stop: nobody is left to ask for it.
    fn drop(&mut self) {
        self.env.token.cancel();
    }
}
