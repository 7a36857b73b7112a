//! Random trees of scopes, and what their tasks do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use maniple_core::{AgentError, AgentExt, BoxAgent, Key, RunContext, Scope, agent_fn};
use proptest::prelude::*;

use crate::common::{Alive, PanicAt};

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Leaf(Leaf),
    /// Opens a scope with a task for each child.
    Scope(Ending, Vec<Node>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaf {
    /// Ends after it has yielded so often.
    Yields(usize),
    Fails,
    WaitsForCancel,
    IgnoresCancel,
}

/// What the owner of a scope does with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// Waits for every task, then closes it.
    Collects,
    /// Closes it while its tasks run.
    Closes,
    /// Returns while its tasks run.
    Drops,
}

/// Trees up to depth 5 of the leaves and endings given.
pub(crate) fn tree(leaves: Vec<Leaf>, endings: Vec<Ending>) -> impl Strategy<Value = Node> {
    let leaf = prop::sample::select(leaves).prop_map(Node::Leaf);
    let ending = prop::sample::select(endings);
    leaf.prop_recursive(5, 30, 4, move |node| {
        (ending.clone(), prop::collection::vec(node, 0..4))
            .prop_map(|(ending, children)| Node::Scope(ending, children))
    })
}

impl Node {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Scope(_, children) => 1 + children.iter().map(Self::size).sum::<usize>(),
        }
    }
}

/// A task, and how it ended for its parent.
pub(crate) type End = (Key, Result<(), AgentError>);

/// What the tasks of one tree tell the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// All tasks of the tree.
    pub(crate) alive: Alive,
    /// Those that saw the cancellation.
    pub(crate) cancelled: Alive,
    /// In the order of the ends.
    pub(crate) ends: Arc<Mutex<Vec<End>>>,
    /// Scopes that were closed while a task of theirs was alive.
    pub(crate) leaks: Arc<Mutex<Vec<Key>>>,
    /// The task that panics, counted in the order of the starts, and the poll at which it does.
    pub(crate) victim: Option<(usize, usize)>,
    pub(crate) panicked: Arc<Mutex<Option<Key>>>,
    pub(crate) started: Arc<Mutex<usize>>,
    /// The grace of each scope; without it a short one.
    pub(crate) grace: Option<Duration>,
}

const GRACE: Duration = Duration::from_millis(5);

impl Watch {
    /// The tree as an agent.
    pub(crate) fn agent(&self, node: Node) -> BoxAgent<(), ()> {
        let watch = self.clone();
        agent_fn("tree", move |(), cx| watch.run(node.clone(), cx, Vec::new())).boxed()
    }

    fn run(
        &self,
        node: Node,
        cx: RunContext,
        around: Vec<Alive>,
    ) -> BoxFuture<'static, Result<(), AgentError>> {
        let watch = self.clone();
        let number = {
            let mut started = self.started.lock().expect("nothing panics while it is held");
            *started += 1;
            *started - 1
        };
        let path = cx.path();
        let work = async move {
            let _alive = watch.alive.guard();
            let _around: Vec<_> = around.iter().map(Alive::guard).collect();
            let result = match node {
                Node::Leaf(leaf) => leaf.run(&cx).await,
                Node::Scope(ending, children) => watch.scope(ending, children, &cx, around).await,
            };
            if cx.is_cancelled() {
                std::mem::forget(watch.cancelled.guard());
            }
            result
        };
        match self.victim {
            Some((victim, at)) if victim == number => {
                *self.panicked.lock().expect("nothing panics while it is held") = Some(path);
                PanicAt::new(at, work).boxed()
            }
            _ => work.boxed(),
        }
    }

    async fn scope(
        &self,
        ending: Ending,
        children: Vec<Node>,
        cx: &RunContext,
        mut around: Vec<Alive>,
    ) -> Result<(), AgentError> {
        let inside = Alive::default();
        around.push(inside.clone());
        let mut scope = Scope::open(cx)?.with_grace(self.grace.unwrap_or(GRACE));
        let mut paths = Vec::new();
        for (index, child) in (0_u64..).zip(children) {
            let (watch, around) = (self.clone(), around.clone());
            let child_cx = scope.child_at(index);
            paths.push(child_cx.path());
            scope.spawn(child_cx, move |cx| watch.run(child, cx, around));
        }
        match ending {
            Ending::Collects => {
                while let Some(done) = scope.next().await {
                    let end = (paths[done.index].clone(), done.result);
                    self.ends.lock().expect("nothing panics while it is held").push(end);
                }
                scope.close().await;
            }
            Ending::Closes => {
                scope.close().await;
            }
            Ending::Drops => return Ok(()),
        }
        if inside.count() > 0 {
            self.leaks.lock().expect("nothing panics while it is held").push(cx.path());
        }
        Ok(())
    }
}

impl Leaf {
    async fn run(self, cx: &RunContext) -> Result<(), AgentError> {
        match self {
            Self::Yields(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Self::Fails => Err(AgentError::permanent("as it should")),
            Self::WaitsForCancel => {
                cx.cancelled().await;
                Ok(())
            }
            Self::IgnoresCancel => pending().await,
        }
    }
}
