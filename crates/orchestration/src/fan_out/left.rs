use std::collections::HashSet;
use std::time::Duration;

use maniple_core::{AgentError, Class, Key, Payload, RunContext, Scope};
use serde::de::IgnoredAny;

use super::Begun;
use super::pulling::Item;
use super::queue::Queue;
use crate::saga;

/// Lets the sagas be taken back that earlier processes have begun in children which this one has not come
/// by, and nobody will: the pattern is settled without them. Their children are entered where nothing
/// new begins.
pub(super) async fn take_back<I, O, W, Fut>(
    cx: &RunContext,
    grace: Duration,
    queue: &Queue<I, O>,
    work: &W,
) -> Result<(), AgentError>
where
    I: Send + 'static,
    O: Send + 'static,
    W: Fn(Begun, I) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
{
    let mut left = on_their_way(cx);
    if left.is_empty() {
        return Ok(());
    }
    let come_by: HashSet<Key> =
        queue.children().into_iter().map(|child| cx.path().child_at(child)).collect();
    left.retain(|saga| !come_by.contains(&child_of(&cx.path(), saga)));
    let mut scope = Scope::open(cx)?.with_grace(grace);
    scope.stop();
    while !left.is_empty()
        && let Some(Item { index, child, input }) = queue.rest().await
    {
        let child = child?;
        let place = scope.child_at(child.clone());
        let path = place.path();
        let before = left.len();
        left.retain(|saga| *saga != path && !saga.is_inside(&path));
        if left.len() < before {
            let work = work.clone();
            scope.spawn(place, move |cx| work(Begun { index, child, cx }, input));
        }
    }
    let mut parked: Option<AgentError> = None;
    while let Some(done) = scope.next().await {
        if let Err(error) = done.result
            && error.class() == Class::Parked
        {
            parked = Some(parked.map_or(error.clone(), |parked| parked.merge(error)));
        }
    }
    scope.close().await;
    parked.map_or(Ok(()), Err)
}

/// The key of the child of `cx` that has this place in it.
fn child_of(cx: &Key, place: &Key) -> Key {
    let inner = &place.as_str()[cx.as_str().len()..];
    let end = inner.find(']').map_or(inner.len(), |at| at + 1);
    Key::new(&place.as_str()[..cx.as_str().len() + end])
}

/// The sagas inside that have begun, and of which it is not journaled that they were taken back.
fn on_their_way(cx: &RunContext) -> Vec<Key> {
    let is_saga = |shape: &Payload| {
        shape.decode::<(String, IgnoredAny)>().is_ok_and(|(kind, _)| kind == saga::SHAPE)
    };
    let unsettled = cx.unsettled().into_iter();
    unsettled.filter(|(_, shape)| is_saga(shape)).map(|(place, _)| place).collect()
}
