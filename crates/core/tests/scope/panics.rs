//! A panic at any poll is an error for the parent, and nothing else.

use std::time::Duration;

use common::{PanicAt, cases, open, parallel, paused, settle};
use futures::future::pending;
use maniple_core::{AgentError, Class, Effect, EventKind, Key, Run, RunContext, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::timeout;

use crate::common;
use crate::tree::{Ending, Leaf, Node, Watch, tree};

fn working_tree() -> impl Strategy<Value = Node> {
    let leaves = vec![Leaf::Yields(0), Leaf::Yields(1), Leaf::Yields(4)];
    tree(leaves, vec![Ending::Collects])
}

/// Runs a tree of which one task panics at one of its polls.
async fn panic_at(node: Node, victim: usize, at: usize) -> Result<(), TestCaseError> {
    let run = open(Run::builder("panics")).await;
    let watch = Watch { victim: Some((victim % node.size(), at)), ..Watch::default() };
    let execution = run.execute(watch.agent(node), ());
    let ended = timeout(Duration::from_secs(30), execution).await;
    let result = ended.map_err(|_| TestCaseError::fail("it hangs"))?;
    prop_assert_eq!(watch.alive.count(), 0);

    let victim = watch.panicked.lock().unwrap().clone();
    let victim = victim.ok_or_else(|| TestCaseError::fail("the victim never ran"))?;
    let mut ends = watch.ends.lock().unwrap().clone();
    ends.push((Key::new("/tree"), result));
    let mut panicked = false;
    for (key, end) in ends {
        match end {
            Ok(()) => {}
            Err(AgentError::Panicked { key: named, message }) => {
                prop_assert_eq!(&key, &victim);
                prop_assert_eq!(&named, &victim);
                prop_assert_eq!(&*message, "at this poll");
                panicked = true;
            }
            Err(other) => return Err(TestCaseError::fail(format!("{key} ended with {other}"))),
        }
    }
    prop_assert!(panicked || at > 1, "every task is polled at least once");
    Ok(())
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn a_panic_at_any_poll_is_an_error_for_the_parent(
        node in working_tree(),
        victim in any::<usize>(),
        at in 1..8_usize,
    ) {
        paused().block_on(panic_at(node, victim, at))?;
    }

    #[test]
    fn a_panic_at_any_poll_is_an_error_for_the_parent_in_parallel(
        node in working_tree(),
        victim in any::<usize>(),
        at in 1..8_usize,
    ) {
        parallel().block_on(panic_at(node, victim, at))?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_its_siblings_alone() {
    let run = open(Run::builder("siblings")).await;
    let mut scope = Scope::open(&run.context()).unwrap();
    let (first, second) = (scope.child("panics"), scope.child("works"));
    scope.spawn(first, |_| PanicAt::new(1, pending()));
    scope.spawn(second, |cx: RunContext| async move {
        settle().await;
        cx.step("work", Effect::Pure, (), |(), _| async { Ok(7) }).await
    });
    let ends = [scope.next().await.unwrap(), scope.next().await.unwrap()];
    assert_eq!(ends[0].result.as_ref().unwrap_err().class(), Class::Panicked);
    assert_eq!(ends[1].result.as_ref().unwrap(), &7);
    assert!(scope.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_body_of_a_step_names_the_step() {
    let run = open(Run::builder("body")).await;
    let cx = run.context();
    let body = |(), _| PanicAt::new(1, pending::<Result<(), _>>());
    let error = cx.step("work", Effect::Pure, (), body).await.unwrap_err();
    assert!(matches!(error, AgentError::Panicked { key, .. } if key == Key::new("/work")));
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_poll_is_contained() {
    let run = open(Run::builder("call")).await;
    let agent = agent_fn("call", |(): (), _| {
        if true {
            std::panic::resume_unwind(Box::new(String::from("in the call")));
        }
        pending::<Result<(), _>>()
    });
    let error = run.execute(agent, ()).await.unwrap_err();
    assert_eq!(error.to_string(), "/call panicked: in the call");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_task_that_is_being_aborted_is_its_result() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("on the way out"));
        }
    }
    let run = open(Run::builder("bomb")).await;
    let mut scope: Scope<()> = Scope::open(&run.context()).unwrap();
    let cx = scope.child("bomb");
    scope.spawn(cx, |_| async {
        let _bomb = Bomb;
        pending().await
    });
    settle().await;
    scope.stop();
    let done = scope.next().await.unwrap();
    assert_eq!(done.result.unwrap_err().class(), Class::Panicked);
    assert_eq!(scope.close().await, 0);
}

/// Whether the end of an agent that panics is told to whoever listens.
async fn tells_of_a_panic(run: &Run) -> bool {
    let mut events = run.events();
    let agent = agent_fn("panics", |(): (), _| PanicAt::new(1, pending::<Result<(), _>>()));
    run.execute(agent, ()).await.expect_err("it panics");
    let mut told = false;
    while let Some(Some(Ok(event))) = futures::FutureExt::now_or_never(events.next()) {
        if let EventKind::Finished { error: Some(error) } = event.kind {
            told |= error.class == Class::Panicked;
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_agent_that_panics_is_an_event() {
    let run = open(Run::builder("told")).await;
    assert!(tells_of_a_panic(&run).await);
}

#[cfg(feature = "broken")]
#[tokio::test(start_paused = true)]
async fn a_panic_that_is_not_contained_is_caught() {
    use std::panic::AssertUnwindSafe;

    use futures::FutureExt;
    use maniple_core::Rule;

    let run = open(Run::builder("broken").breaking(Rule::PanicsAreContained)).await;
    let told = AssertUnwindSafe(tells_of_a_panic(&run)).catch_unwind().await;
    assert!(!told.unwrap_or(false));
}
