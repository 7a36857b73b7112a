use futures::stream::{self, StreamExt};
use maniple_core::{AgentError, Children, Class, Key, RunContext, Scope};
use serde::de::IgnoredAny;

use super::Begun;
use super::child::Naming;
use super::pulling::{Item, Pulling};
use crate::inputs::{Inputs, Source};
use crate::saga;

/// Lets the sagas be taken back that were on their way in the children of a pattern, where the journal
/// says that it has failed and nobody comes by them again: their children are entered where nothing
/// new begins.
pub(super) async fn take_back<I, O, W, Fut>(
    mut scope: Scope<O>,
    cx: &RunContext,
    inputs: Inputs<I>,
    naming: Naming<I>,
    make: impl FnOnce(&Children) -> W + Send,
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
    scope.stop();
    let work = make(&scope.children());
    let mut inputs = match inputs.0 {
        Source::List { left, .. } => stream::iter(left).boxed(),
        Source::Stream(inputs) => inputs,
    };
    let mut pulling = Pulling::new(None, naming);
    while !left.is_empty()
        && let Some(Item { index, child, input }) = pulling.take(inputs.next().await)
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

/// The sagas inside that have begun, and of which it is not journaled that they were taken back.
fn on_their_way(cx: &RunContext) -> Vec<Key> {
    let is_saga = |shape: &maniple_core::Payload| {
        shape.decode::<(String, IgnoredAny)>().is_ok_and(|(kind, _)| kind == saga::SHAPE)
    };
    let unsettled = cx.unsettled().into_iter();
    unsettled.filter(|(_, shape)| is_saga(shape)).map(|(place, _)| place).collect()
}
