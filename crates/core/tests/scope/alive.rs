//! No task outlives its scope, and none its run.

use std::time::Duration;

use common::{Alive, cases, open, parallel, paused, settle, until};
use futures::FutureExt;
use futures::future::pending;
use maniple_core::{AgentError, Run, RunBuilder, RunContext, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::common;
use crate::tree::{Ending, Leaf, Node, Watch, tree};

fn any_tree() -> impl Strategy<Value = Node> {
    let leaves = vec![
        Leaf::Yields(0),
        Leaf::Yields(3),
        Leaf::Fails,
        Leaf::WaitsForCancel,
        Leaf::IgnoresCancel,
    ];
    tree(leaves, vec![Ending::Collects, Ending::Closes, Ending::Drops])
}

fn builder() -> RunBuilder {
    Run::builder("alive").with_grace(Duration::from_millis(20))
}

/// Runs a tree, cancels it after so many turns, and gives back what is alive when it has returned.
async fn alive_after_cancel(node: Node, turns: usize) -> Result<(), TestCaseError> {
    let (run, watch) = (open(builder()).await, Watch::default());
    let cancel = async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        run.cancel();
    };
    let (_result, ()) = futures::join!(run.execute(watch.agent(node), ()), cancel);
    prop_assert_eq!(watch.alive.count(), 0);
    prop_assert_eq!(&*watch.leaks.lock().unwrap(), &Vec::new());
    prop_assert_eq!(run.stats().zombies, 0);
    Ok(())
}

/// Polls an execution so often, drops it, and gives back what is alive when the run is quiet.
async fn alive_after_drop(node: Node, turns: usize) -> Result<(), TestCaseError> {
    let (run, watch) = (open(builder()).await, Watch::default());
    {
        let mut execution = std::pin::pin!(run.execute(watch.agent(node), ()));
        for _ in 0..turns {
            if futures::poll!(&mut execution).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    run.quiesce().await;
    prop_assert_eq!(watch.alive.count(), 0);
    prop_assert_eq!(&*watch.leaks.lock().unwrap(), &Vec::new());
    Ok(())
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn nothing_is_alive_after_a_cancelled_execution(node in any_tree(), turns in 0..40_usize) {
        paused().block_on(alive_after_cancel(node, turns))?;
    }

    #[test]
    fn nothing_is_alive_after_a_dropped_execution(node in any_tree(), turns in 0..40_usize) {
        paused().block_on(alive_after_drop(node, turns))?;
    }

    #[test]
    fn cancel_reaches_every_descendant_at_once(
        node in tree(vec![Leaf::WaitsForCancel], vec![Ending::Collects]),
    ) {
        paused().block_on(async {
            // Long enough that every level keeps some of it.
            let grace = Duration::from_secs(1);
            let run = open(builder().with_grace(grace)).await;
            let watch = Watch { grace: Some(grace), ..Watch::default() };
            let size = node.size();
            let empty = |node: &Node| matches!(node, Node::Scope(_, children) if children.is_empty());
            let began = Instant::now();
            let cancel = async {
                settle().await;
                run.cancel();
            };
            // A scope without children ends before it can be cancelled.
            let waiting = !contains(&node, &empty);
            let (result, ()) = futures::join!(run.execute(watch.agent(node), ()), cancel);
            prop_assert!(result.is_ok());
            if waiting {
                prop_assert_eq!(watch.cancelled.count(), size);
            }
            prop_assert_eq!(watch.alive.count(), 0);
            prop_assert_eq!(began.elapsed(), Duration::ZERO);
            Ok(())
        })?;
    }
}

fn contains(node: &Node, found: &impl Fn(&Node) -> bool) -> bool {
    let below = match node {
        Node::Leaf(_) => &[][..],
        Node::Scope(_, children) => children,
    };
    found(node) || below.iter().any(|child| contains(child, found))
}

proptest! {
    // Here the graces are real time.
    #![proptest_config(cases(24))]

    #[test]
    fn nothing_is_alive_after_a_cancelled_execution_in_parallel(
        node in any_tree(),
        turns in 0..40_usize,
    ) {
        parallel().block_on(alive_after_cancel(node, turns))?;
    }

    #[test]
    fn nothing_is_alive_after_a_dropped_execution_in_parallel(
        node in any_tree(),
        turns in 0..40_usize,
    ) {
        parallel().block_on(alive_after_drop(node, turns))?;
    }
}

/// More tasks than the runtime ends in one turn, so that a scope that does not wait is found out.
const MANY: usize = 300;

/// A scope full of tasks that never end, all of them begun.
async fn full_scope(cx: &RunContext, alive: &Alive) -> Result<Scope<()>, AgentError> {
    let mut scope: Scope<()> = Scope::open(cx)?;
    for index in 0..MANY {
        let alive = alive.clone();
        let cx = scope.child_at(index as u64);
        scope.spawn(cx, move |_| async move {
            let _alive = alive.guard();
            pending().await
        });
    }
    until(|| alive.count() == MANY).await;
    Ok(scope)
}

/// What is alive right after the execution of an agent whose scope was dropped.
async fn grandchildren_of_a_dropped_scope(run: &Run) -> usize {
    let alive = Alive::default();
    let inner = alive.clone();
    let agent = agent_fn("outer", move |(), cx: RunContext| {
        let alive = inner.clone();
        async move {
            drop(full_scope(&cx, &alive).await?);
            Ok(())
        }
    });
    run.execute(agent, ()).await.expect("it returns");
    alive.count()
}

#[tokio::test(start_paused = true)]
async fn the_grandchildren_of_a_dropped_scope_are_awaited() {
    let run = open(builder()).await;
    assert_eq!(grandchildren_of_a_dropped_scope(&run).await, 0);
}

/// What is alive right after `quiesce`, where an execution was dropped before it.
async fn alive_after_quiesce(run: &Run) -> usize {
    let alive = Alive::default();
    let inner = alive.clone();
    let agent = agent_fn("outer", move |(), cx: RunContext| {
        let alive = inner.clone();
        async move {
            let _scope = full_scope(&cx, &alive).await?;
            pending::<Result<(), _>>().await
        }
    });
    {
        let mut execution = std::pin::pin!(run.execute(agent, ()));
        until(|| {
            assert!(execution.as_mut().now_or_never().is_none());
            alive.count() == MANY
        })
        .await;
    }
    run.quiesce().await;
    alive.count()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_run_has_no_task() {
    let run = open(builder()).await;
    assert_eq!(alive_after_quiesce(&run).await, 0);
    // And it goes on to be of use.
    let agent = agent_fn("next", |n: u8, _| async move { Ok(n) });
    assert_eq!(run.execute(agent, 3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_run_asks_its_tasks_to_stop() {
    let (run, alive) = (open(builder()).await, Alive::default());
    let guard = alive.guard();
    let mut scope = Scope::open(&run.context()).unwrap();
    let cx = scope.child("task");
    scope.spawn(cx, |cx| async move {
        let _alive = guard;
        cx.cancelled().await;
        Ok(())
    });
    drop(run);
    assert!(scope.next().await.is_some_and(|done| done.result.is_ok()));
    assert_eq!(alive.count(), 0);
}

#[cfg(feature = "broken")]
mod broken {
    use maniple_core::Rule;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scope_that_does_not_wait_for_grandchildren_is_caught() {
        let run = open(builder().breaking(Rule::ScopesWaitForGrandchildren)).await;
        assert_ne!(grandchildren_of_a_dropped_scope(&run).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_not_awaited_is_caught() {
        let run = open(builder().breaking(Rule::QuiesceWaits)).await;
        assert_ne!(alive_after_quiesce(&run).await, 0);
    }
}
