use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, Either, FutureExt, select};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::live::Fence;
use super::phase::{Cause, Phase, fix_abort, stopped};
use super::task::{Running, Task};
use super::{Done, Ended, GRACE, Live, Stop};
use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::env::{Env, Room};
use crate::error::AgentError;
use crate::event::EventKind;
use crate::run::{Shielded, count};

/// How long tasks that were aborted may take to be gone before they count as zombies.
pub(super) const GIVE_UP: Duration = Duration::from_millis(200);

/// The tasks of a scope and what is done with them, be it by the scope or by who reaps a dropped one.
pub(super) struct Tasks<T> {
    pub(super) cx: RunContext,
    pub(super) env: Arc<Env>,
    pub(super) live: Arc<Live>,
    /// Where the tasks go on when the scope is dropped: in working time.
    pub(super) shielded: Option<Shielded>,
    ended: Ended,
    pub(super) set: JoinSet<Task<T>>,
    pub(super) running: HashMap<Id, Running>,
    spawned: usize,
    pub(super) zombies: usize,
    pub(super) given_up: Vec<Running>,
    pub(super) grace: Duration,
    pub(super) phase: Phase,
    /// What ends the phase.
    pub(super) watch: BoxFuture<'static, Option<Cause>>,
    _cancel: DropGuard,
    fence: Fence,
}

impl<T: Send + 'static> Tasks<T> {
    pub(super) fn open(cx: &RunContext) -> Result<Self, AgentError> {
        cx.check_not_nested(|| cx.path())?;
        cx.check_open()?;
        let above = cx.env();
        let (token, stop) = (above.token.child_token(), Stop::below(&above.stop));
        Self::open_in(cx, &token, |env| Env { stop, ..env }, RunContext::clone)
    }

    /// Tasks that go on whatever happens around them.
    pub(super) fn shielded(cx: &RunContext) -> Result<Self, AgentError> {
        cx.check_not_nested(|| cx.path())?;
        cx.check_unfenced()?;
        let stop = Arc::default();
        let shield = |env| Env { stop, deadline: None, deadline_wall: None, ..env };
        let tasks = Self::open_in(cx, &CancellationToken::new(), shield, RunContext::shielded)?;
        let shielded = Shielded::of(cx.env().run.clone(), cx.path());
        Ok(Self { shielded: Some(shielded), ..tasks })
    }

    fn open_in(
        cx: &RunContext,
        token: &CancellationToken,
        change: impl FnOnce(Env) -> Env,
        place: impl FnOnce(&RunContext) -> RunContext,
    ) -> Result<Self, AgentError> {
        let cancelled = || AgentError::Cancelled { key: cx.path() };
        let parent = cx.env().live.upgrade().ok_or_else(cancelled)?;
        let (live, ended) = Live::new(Some(parent));
        let env = Arc::new(change(Env {
            room: Room::default(),
            live: Arc::downgrade(&live),
            token: Arc::new(token.clone()),
            ..Env::clone(cx.env())
        }));
        let watched = env.clone();
        let watch = async move { Some(stopped(&watched).await) }.boxed();
        Ok(Self {
            cx: place(cx),
            env,
            shielded: None,
            fence: Fence(Some(live.clone())),
            live,
            ended,
            set: JoinSet::new(),
            running: HashMap::new(),
            spawned: 0,
            zombies: 0,
            given_up: Vec::new(),
            grace: GRACE,
            phase: Phase::Open,
            watch,
            _cancel: token.clone().drop_guard(),
        })
    }

    pub(super) fn start(
        &mut self,
        cx: RunContext,
        task: impl Future<Output = Task<T>> + Send + 'static,
    ) -> usize {
        let (index, spawned) = (self.spawned, Instant::now());
        self.spawned += 1;
        let handle = self.set.spawn(task);
        self.running.insert(handle.id(), Running { index, cx, spawned });
        if matches!(self.phase, Phase::Aborted(_)) {
            handle.abort();
        }
        index
    }

    pub(super) fn len(&self) -> usize {
        self.running.len() + self.given_up.len()
    }

    /// Whether there are tasks that have neither ended nor been given up.
    pub(super) fn is_running(&self) -> bool {
        !self.set.is_empty()
    }

    pub(super) async fn next(&mut self) -> Option<Done<T>> {
        loop {
            if let Some(running) = self.given_up.pop() {
                return Some(running.aborted(self.phase));
            }
            if self.set.is_empty() {
                return None;
            }
            if matches!(self.phase, Phase::Aborted(_))
                && let Some(done) = self.next_ended()
            {
                // Who has ended is no zombie, however late it is asked for.
                return Some(done);
            }
            let turn = poll_fn(|cx| {
                // The watch first: a scope in which some task always has ended would never look at it.
                if let Poll::Ready(cause) = self.watch.poll_unpin(cx) {
                    return Poll::Ready(Either::Left(cause));
                }
                self.set.poll_join_next_with_id(cx).map(Either::Right)
            });
            match turn.await {
                Either::Left(cause) => self.advance(cause),
                Either::Right(joined) => {
                    if let Some(done) = self.settle(joined?) {
                        return Some(done);
                    }
                }
            }
        }
    }

    /// A task that has ended by now.
    pub(super) fn next_ended(&mut self) -> Option<Done<T>> {
        while let Some(joined) = self.set.try_join_next_with_id() {
            if let Some(done) = self.settle(joined) {
                return Some(done);
            }
        }
        None
    }

    fn settle(&mut self, joined: Result<(Id, Task<T>), JoinError>) -> Option<Done<T>> {
        match joined {
            Ok((id, task)) => Some(self.running.remove(&id)?.done(task)),
            Err(error) => {
                if error.is_panic() && self.env.run.breaks(Rule::PanicsAreContained) {
                    std::panic::resume_unwind(error.into_panic());
                }
                Some(self.running.remove(&error.id())?.lost(self.phase, error))
            }
        }
    }

    pub(super) fn stop(&mut self) {
        if self.phase == Phase::Open {
            self.advance(Some(Cause::Cancelled));
        }
    }

    /// Leaves it to others to cut off what is below.
    pub(super) fn unfence(&mut self) {
        self.fence.0 = None;
    }

    /// Waits until everything below is gone, when all tasks of this scope have ended or were given up.
    pub(super) async fn finish(mut self) -> usize {
        self.unfence();
        let Self { live, mut ended, env, cx, zombies, grace, .. } = self;
        let below = Arc::downgrade(&live);
        drop(live);
        if env.run.breaks(Rule::ScopesWaitForGrandchildren) || (&mut ended).now_or_never().is_some()
        {
            return zombies;
        }
        // Dropped scopes below are given up by those who reap them, not later than this one would be.
        fix_abort(&env, grace);
        ended.reaped().await;
        if let Either::Left(_) = select(&mut ended, pin!(sleep(GIVE_UP))).await {
            return zombies;
        }
        let Some(below) = below.upgrade() else { return zombies };
        below.fence();
        if ended.zombies() == 0 {
            // How many tasks are left is not known here.
            below.give_up(1);
            report(&cx, 1);
        }
        ended.zombies()
    }
}

/// Tells of tasks that could not be ended.
pub(super) fn report(cx: &RunContext, zombies: usize) {
    count(&cx.env().run.counters.zombies, zombies as u64);
    cx.emit(|| EventKind::Zombies { tasks: zombies });
}
