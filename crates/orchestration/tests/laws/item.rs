use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, RunContext, agent_fn};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::lab::Gauge;

/// What one child of a generated pattern does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) number: u32,
    pub(crate) millis: u64,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Succeeds,
    FailsForGood,
    FailsForNow,
    Panics,
    /// Waits for a signal that nobody gives.
    Waits,
}

impl Item {
    /// One that succeeds after so long.
    pub(crate) fn good(number: u32, millis: u64) -> Self {
        Self { number, millis, end: End::Succeeds }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.end == End::Succeeds
    }

    pub(crate) async fn act(self, cx: &RunContext) -> Result<u32, AgentError> {
        tokio::time::sleep(Duration::from_millis(self.millis)).await;
        match self.end {
            End::Succeeds => Ok(self.number),
            End::FailsForGood => Err(AgentError::permanent(format!("{} is bad", self.number))),
            End::FailsForNow => Err(AgentError::transient("later")),
            End::Panics => panic!("{} panics", self.number),
            End::Waits => cx.signal("never").await,
        }
    }
}

/// Items most of which succeed, at times that often meet.
pub(crate) fn items(most: usize) -> impl Strategy<Value = Vec<Item>> {
    let end = prop_oneof![
        10 => Just(End::Succeeds),
        1 => Just(End::FailsForGood),
        1 => Just(End::FailsForNow),
        1 => Just(End::Panics),
    ];
    items_that(end, most)
}

/// Items some of which wait for a signal.
pub(crate) fn waiting_items(most: usize) -> impl Strategy<Value = Vec<Item>> {
    let end = prop_oneof![
        6 => Just(End::Succeeds),
        1 => Just(End::FailsForGood),
        1 => Just(End::FailsForNow),
        1 => Just(End::Waits),
    ];
    items_that(end, most)
}

/// Items all of which succeed.
pub(crate) fn good_items(most: usize) -> impl Strategy<Value = Vec<Item>> {
    items_that(Just(End::Succeeds), most)
}

fn items_that(end: impl Strategy<Value = End>, most: usize) -> impl Strategy<Value = Vec<Item>> {
    let item = (any::<u16>(), 0..12_u64, end);
    let item = item.prop_map(|(n, millis, end)| Item { number: n.into(), millis, end });
    prop::collection::vec(item, 0..=most)
}

pub(crate) fn numbers(items: &[Item]) -> Vec<u32> {
    items.iter().map(|item| item.number).collect()
}

/// An agent that does what its item says.
pub(crate) fn worker(gauge: &Gauge) -> impl BaseAgent<Input = Item, Output = u32> + use<> {
    let gauge = gauge.clone();
    agent_fn("worker", move |item: Item, cx| {
        let alive = gauge.enter();
        async move {
            let _alive = alive;
            item.act(&cx).await
        }
    })
}

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}
