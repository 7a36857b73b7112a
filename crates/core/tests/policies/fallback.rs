//! The other agent answers for a failure, and hides nothing that needs somebody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_core::{
    AgentError, AgentExt, BaseAgent, BoxAgent, Class, Effect, EventKind, MemoryJournal, Run,
    agent_fn,
};
use proptest::prelude::*;

use crate::common::{CLASSES, cases, open, paused, reopen};
use crate::what::{Log, MS, any_class, failing};

fn falls_back(class: Class) -> bool {
    use Class::{BudgetExhausted, DeadlineExceeded, Panicked, Permanent, Transient};
    matches!(class, Transient | Permanent | DeadlineExceeded | BudgetExhausted | Panicked)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_first_that_does_not_fail_answers(
        classes in prop::collection::vec(prop::option::of(any_class()), 1..5),
    ) {
        paused().block_on(async {
            let logs: Vec<Log> = classes.iter().map(|_| Log::default()).collect();
            let agent = |at: usize| failing(classes[at].into_iter().collect(), &logs[at]);
            let mut stacked = agent(0);
            for at in 1..classes.len() {
                stacked = stacked.with_fallback(agent(at)).boxed();
            }
            let run = open(Run::builder("test")).await;
            let result = run.execute(stacked, 0).await;
            let answers = classes
                .iter()
                .position(|class| class.is_none_or(|class| !falls_back(class)))
                .unwrap_or(classes.len() - 1);
            for (at, log) in logs.iter().enumerate() {
                prop_assert_eq!(log.len(), usize::from(at <= answers));
            }
            match classes[answers] {
                None => prop_assert_eq!(result.unwrap(), 1),
                Some(class) => prop_assert_eq!(result.unwrap_err().class(), class),
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_somebody_is_not_hidden() {
    for class in CLASSES.into_iter().filter(|class| !falls_back(*class)) {
        let (first, other) = (Log::default(), Log::default());
        let run = open(Run::builder("test")).await;
        let agent = failing(vec![class], &first).with_fallback(failing(vec![], &other));
        assert_eq!(run.execute(agent, 0).await.unwrap_err().class(), class);
        assert_eq!(other.len(), 0, "{class} was hidden");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_that_is_parked_is_not_hidden() {
    let journal = MemoryJournal::new();
    let other = Log::default();
    let agent = || {
        let stuck = agent_fn("stuck", |_: u64, cx| async move {
            cx.step("pay", Effect::Irreversible, (), |(), _| async move {
                tokio::time::sleep(1000 * MS).await;
                Ok(1)
            })
            .await
        });
        stuck.with_fallback(failing(vec![], &other))
    };
    let run = reopen(&journal).await;
    tokio::time::timeout(100 * MS, run.execute(agent(), 0)).await.unwrap_err();
    run.quiesce().await;
    let dropped = journal.records().into_iter().take(2).collect::<MemoryJournal>();
    let run = reopen(&dropped).await;
    assert_eq!(run.execute(agent(), 0).await.unwrap_err().class(), Class::Parked);
    assert_eq!(other.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_happened_does_not_happen_twice() {
    for (effect, asked) in [
        (Effect::Pure, 1),
        (Effect::Idempotent, 1),
        (Effect::Reversible, 0),
        (Effect::Irreversible, 0),
    ] {
        let stuck = agent_fn("stuck", move |_: u64, cx| async move {
            cx.step("pay", effect, (), |(), _| async move {
                tokio::time::sleep(1000 * MS).await;
                Ok(1)
            })
            .await
        });
        let other = Log::default();
        let agent = stuck.with_timeout(100 * MS).with_fallback(failing(vec![], &other));
        let run = open(Run::builder("test")).await;
        let result = run.execute(agent, 0).await;
        assert_eq!((other.len(), result.is_ok()), (asked, asked == 1), "{effect}");
    }
}

/// Fails for good the first time that it is called in a process, and would succeed the second time.
fn first(log: &Log) -> BoxAgent<u64, usize> {
    let log = log.clone();
    agent_fn("first", move |_: u64, cx| {
        let call = log.note();
        async move {
            cx.step("look", Effect::Pure, (), |(), _| async move { Ok(()) }).await?;
            if call == 1 { Err(AgentError::transient("once")) } else { Ok(100 + call) }
        }
    })
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_does_not_ask_the_first_agent_again() {
    let journal = MemoryJournal::new();
    let log = Log::default();
    let bodies = Arc::new(AtomicUsize::new(0));
    let agent = |fails: bool| {
        let bodies = bodies.clone();
        let other = agent_fn("other", move |n: u64, cx| {
            let bodies = bodies.clone();
            async move {
                let n = cx
                    .step("look", Effect::Irreversible, n, |_, _| async move {
                        Ok(bodies.fetch_add(1, Ordering::SeqCst))
                    })
                    .await?;
                if fails { Err(AgentError::transient("not yet")) } else { Ok(n) }
            }
        });
        first(&log).with_fallback(other)
    };
    let run = reopen(&journal).await;
    let mut events = run.events();
    assert_eq!(run.execute(agent(true), 7).await.unwrap_err().class(), Class::Transient);
    drop(run);
    let mut fell_back = 0;
    while let Some(event) = events.next().await {
        fell_back += usize::from(matches!(event.unwrap().kind, EventKind::FellBack { .. }));
    }
    assert_eq!(fell_back, 1);
    let run = reopen(&journal).await;
    assert_eq!(run.execute(agent(false), 7).await.unwrap(), 0);
    assert_eq!((log.len(), bodies.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_else_is_asked_once_the_time_is_up() {
    for class in CLASSES.into_iter().filter(|class| falls_back(*class)) {
        let late = agent_fn("late", move |_: u64, _cx| async move {
            tokio::time::sleep(20 * MS).await;
            Err::<usize, _>(AgentError::new(class, "too late"))
        });
        let other = Log::default();
        let run = open(Run::builder("test")).await;
        let cx = run.context().child("late").with_deadline(10 * MS);
        let agent = late.with_fallback(failing(vec![], &other));
        assert_eq!(agent.run(0, &cx).await.unwrap_err().class(), class);
        assert_eq!(other.len(), 0, "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_the_code_is_not_hidden() {
    let wrong = agent_fn("wrong", |n: u64, cx| async move {
        let outer = cx.clone();
        cx.step("outer", Effect::Pure, n, |n, _| async move {
            outer.step("inner", Effect::Pure, n, |n, _| async move { Ok(n) }).await
        })
        .await
    });
    let other = agent_fn("other", |n: u64, _cx| async move { Ok(n) });
    let run = open(Run::builder("test")).await;
    let error = run.execute(wrong.with_fallback(other), 1).await.unwrap_err();
    assert!(matches!(error, AgentError::NestedStep { .. }), "{error}");
}

#[test]
fn the_name_is_that_of_the_first() {
    let named = |name: &str| agent_fn(name, |n: u64, _cx| async move { Ok(n) });
    assert_eq!(named("first").with_fallback(named("other")).name(), "first");
}
