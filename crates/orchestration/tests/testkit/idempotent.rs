use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use maniple_core::{AgentError, BaseAgent, Class, Effect, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_orchestration::testkit::{NotIdempotent, check_agent_idempotent};

/// A shop that takes orders, by a key that tells them apart.
#[derive(Debug, Clone, Default)]
struct Shop(Arc<Mutex<BTreeMap<String, u64>>>);

impl Shop {
    fn orders(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Orders in a step; whoever has no key of its own is given the next number.
    fn agent(&self, keyed: bool) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
        let shop = self.clone();
        agent_fn("order", move |n: u64, cx| {
            let shop = shop.clone();
            async move {
                cx.step("order", Effect::Idempotent, n, |n, step| async move {
                    let key = step.idempotency_key().to_string();
                    let mut orders = shop.0.lock().unwrap();
                    let key = if keyed { key } else { orders.len().to_string() };
                    orders.insert(key, n);
                    Ok::<_, AgentError>(n)
                })
                .await
            }
        })
    }
}

#[tokio::test]
async fn who_gives_the_key_away_is_idempotent() {
    let shop = Shop::default();
    let build = || MapReduce::collect("orders", shop.agent(true)).with_concurrency(2).durable();
    check_agent_idempotent(build, vec![1, 2, 3], async || shop.orders()).await.unwrap();
    assert_eq!(shop.orders(), 3, "it did run");
}

#[tokio::test]
async fn who_makes_up_its_own_key_is_not() {
    let shop = Shop::default();
    let checked = check_agent_idempotent(|| shop.agent(false), 7, async || shop.orders()).await;
    let found = checked.unwrap_err();
    assert!(matches!(found, NotIdempotent::World { once: 1, twice: 2 }), "{found}");
    assert_eq!(found.to_string(), "run again, the agent changed the world from 1 to 2");
}

#[tokio::test]
async fn another_output_is_noticed() {
    let times = Arc::new(Mutex::new(0));
    let build = || {
        let times = times.clone();
        agent_fn("count", move |(): (), _cx| {
            let times = times.clone();
            async move {
                *times.lock().unwrap() += 1;
                Ok(*times.lock().unwrap())
            }
        })
    };
    let found = check_agent_idempotent(build, (), async || ()).await.unwrap_err();
    assert!(matches!(found, NotIdempotent::Outputs { first: 1, second: 2 }), "{found}");
}

#[tokio::test]
async fn a_failure_shows_nothing_and_a_later_one_does() {
    let never =
        || agent_fn("never", |(): (), _cx| async { Err::<(), _>(AgentError::permanent("no")) });
    let found = check_agent_idempotent(never, (), async || ()).await.unwrap_err();
    let NotIdempotent::Failed(error) = found else { panic!("{found}") };
    assert_eq!(error.class(), Class::Permanent);

    let taken = Arc::new(Mutex::new(false));
    let build = || {
        let taken = taken.clone();
        agent_fn("take", move |(): (), _cx| {
            let before = std::mem::replace(&mut *taken.lock().unwrap(), true);
            async move { if before { Err(AgentError::permanent("taken")) } else { Ok(()) } }
        })
    };
    let found = check_agent_idempotent(build, (), async || ()).await.unwrap_err();
    assert!(matches!(found, NotIdempotent::FailedAgain(_)), "{found}");
    assert!(found.to_string().ends_with("taken"), "{found}");
}
