//! What agents do in these tests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, AgentExt, BoxAgent, Class, Effect, Key, agent_fn};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::common::CLASSES;

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn any_class() -> impl Strategy<Value = Class> {
    prop::sample::select(CLASSES.to_vec())
}

/// Ends as this class says; with a real panic where it says so.
pub(crate) fn end(class: Class) -> AgentError {
    if class == Class::Panicked {
        // Unlike `panic!` it prints nothing: these panics are expected.
        std::panic::resume_unwind(Box::new("on purpose"));
    }
    AgentError::new(class, format!("{class} on purpose"))
}

/// What was called, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Instant>>>);

impl Log {
    pub(crate) fn note(&self) -> usize {
        let mut log = self.0.lock().unwrap();
        log.push(Instant::now());
        log.len()
    }

    pub(crate) fn times(&self) -> Vec<Instant> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// An agent whose n-th call fails with the n-th class, and succeeds after the last.
pub(crate) fn failing(classes: Vec<Class>, log: &Log) -> BoxAgent<u64, usize> {
    let log = log.clone();
    agent_fn("failing", move |_: u64, _cx| {
        let call = log.note();
        let class = classes.get(call - 1).copied();
        async move { class.map_or(Ok(call), |class| Err(end(class))) }
    })
    .boxed()
}

/// An agent that takes one step, which counts how often its body runs and says under which key, and
/// then ends as it is told to.
pub(crate) fn stepping(
    classes: Vec<Class>,
    bodies: &Arc<AtomicUsize>,
    keys: &Arc<Mutex<Vec<Key>>>,
) -> BoxAgent<u64, u64> {
    let (bodies, keys, calls) = (bodies.clone(), keys.clone(), Log::default());
    agent_fn("job", move |n: u64, cx| {
        let (bodies, keys) = (bodies.clone(), keys.clone());
        let class = classes.get(calls.note() - 1).copied();
        async move {
            let m = cx
                .step("step", Effect::Irreversible, n, |n, step| async move {
                    bodies.fetch_add(1, Ordering::SeqCst);
                    keys.lock().unwrap().push(step.key().clone());
                    Ok(n + 1)
                })
                .await?;
            class.map_or(Ok(m), |class| Err(end(class)))
        }
    })
    .boxed()
}
