//! Never more than so many at once, and each in its turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::policy::Concurrency;
use maniple_core::{AgentError, AgentExt, BoxAgent, Class, Run, Scope, agent_fn};
use proptest::prelude::*;
use tokio::time::sleep;

use crate::common::{cases, open, paused};
use crate::what::MS;

/// What runs now, what ran at most, and in which order it began.
#[derive(Debug, Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    order: Mutex<Vec<u64>>,
}

fn working(name: &str, seen: &Arc<Seen>) -> BoxAgent<(u64, u64), ()> {
    let seen = seen.clone();
    agent_fn(name, move |(index, takes): (u64, u64), _cx| {
        let seen = seen.clone();
        async move {
            seen.order.lock().unwrap().push(index);
            let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
            seen.most.fetch_max(now, Ordering::SeqCst);
            sleep(Duration::from_millis(takes)).await;
            seen.now.fetch_sub(1, Ordering::SeqCst);
            if takes % 5 == 0 {
                Err(AgentError::permanent("a failure gives it back"))
            } else {
                Ok(())
            }
        }
    })
    .boxed()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn no_more_than_the_limit_run_at_once_over_all_that_share_it(
        limit in 0_usize..5,
        takes in prop::collection::vec(1_u64..20, 0..20),
    ) {
        paused().block_on(async {
            let (seen, shared) = (Arc::new(Seen::default()), Concurrency::new(limit));
            let agents = ["one", "two"]
                .map(|name| Arc::new(working(name, &seen).with_concurrency(&shared)));
            let all = takes.clone();
            let every = agent_fn("every", move |(): (), cx| {
                let (agents, takes) = (agents.clone(), all.clone());
                async move {
                    let mut scope = Scope::open(&cx)?;
                    for (index, takes) in (0..).zip(takes) {
                        let agent = agents[usize::try_from(index).unwrap() % 2].clone();
                        scope.spawn(scope.child_at(index), move |cx| async move {
                            maniple_core::BaseAgent::run(&agent, (index, takes), &cx).await
                        });
                    }
                    let mut ended = 0;
                    while scope.next().await.is_some() {
                        ended += 1;
                    }
                    Ok(ended)
                }
            });
            let run = open(Run::builder("test")).await;
            prop_assert_eq!(run.execute(every, ()).await.unwrap(), takes.len());
            let most = seen.most.load(Ordering::SeqCst);
            prop_assert_eq!(most, takes.len().min(limit.max(1)));
            let order = seen.order.lock().unwrap().clone();
            prop_assert!(order.is_sorted(), "{order:?}");
            prop_assert_eq!(shared.available(), limit.max(1), "a permit was lost");
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_context_and_takes_no_permit() {
    let limit = Concurrency::new(1);
    let seen = Arc::new(Seen::default());
    let holds = working("holds", &seen).with_concurrency(&limit);
    let waits = working("waits", &seen).with_concurrency(&limit).with_timeout(100 * MS);
    let run = open(Run::builder("test")).await;
    let (first, second) = futures::join!(run.execute(holds, (0, 999)), run.execute(waits, (1, 1)));
    first.unwrap();
    assert_eq!(second.unwrap_err().class(), Class::DeadlineExceeded);
    assert_eq!(limit.available(), 1);

    let hold = working("holds", &seen).with_concurrency(&limit);
    let wait = working("waits", &seen).with_concurrency(&limit);
    let cancelled = open(Run::builder("other")).await;
    let stop = async {
        sleep(10 * MS).await;
        cancelled.cancel();
    };
    let (first, second, ()) =
        futures::join!(run.execute(hold, (0, 999)), cancelled.execute(wait, (1, 1)), stop);
    first.unwrap();
    assert_eq!(second.unwrap_err().class(), Class::Cancelled);
    assert_eq!(limit.available(), 1);
}
