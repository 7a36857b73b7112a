use std::any::Any;

use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::branches::{Branches, DurableBranches, Names, sealed};
use crate::call::{durable, plain};
use crate::error::PatternError;

/// The output of one branch, whatever its type.
type Each = Box<dyn Any + Send>;

fn erase<O: Send + 'static>(
    branch: BoxFuture<'_, Result<O, AgentError>>,
) -> BoxFuture<'_, Result<Each, AgentError>> {
    branch.map_ok(|output| Box::new(output) as Each).boxed()
}

/// The output of a branch as the type that it has.
fn typed<O: 'static>(output: Option<Each>) -> Option<O> {
    let output: Box<O> = output?.downcast().expect("each branch's output comes from its own agent");
    Some(*output)
}

macro_rules! tuples {
    ($($agent:ident $index:tt $output:ident),+) => {
        impl<In, $($agent),+> Branches for ($($agent,)+)
        where
            In: Clone + Send + 'static,
            $($agent: BaseAgent<Input = In>),+
        {
            type Input = In;
            type Key = usize;
            type All = ($($agent::Output,)+);
            type Some = ($(Option<$agent::Output>,)+);
            type Each = Each;

            fn names(&self) -> Vec<String> {
                vec![$(self.$index.name().to_owned()),+]
            }

            fn count(&self) -> usize {
                [$($index),+].len()
            }

            fn children(&self) -> Result<Option<Names>, PatternError> {
                Ok(None)
            }

            fn key(&self, index: usize) -> usize {
                index
            }

            fn run<'a>(
                &'a self,
                index: usize,
                input: In,
                cx: &'a RunContext,
            ) -> BoxFuture<'a, Result<Each, AgentError>> {
                match index {
                    $($index => erase(plain(&self.$index, input, cx)),)+
                    _ => unreachable!("a branch is started for each of the agents alone"),
                }
            }

            fn join(&self, outputs: Vec<Option<Each>>) -> Self::Some {
                let mut outputs = outputs.into_iter();
                ($(typed::<$agent::Output>(outputs.next().flatten()),)+)
            }

            fn all(($($output,)+): Self::Some) -> Self::All {
                ($($output.expect("no branch has failed"),)+)
            }
        }

        impl<In, $($agent),+> DurableBranches for ($($agent,)+)
        where
            In: Clone + Serialize + Send + 'static,
            $($agent: BaseAgent<Input = In, Output: Serialize + DeserializeOwned>),+
        {
            fn run_durable<'a>(
                &'a self,
                index: usize,
                input: In,
                cx: &'a RunContext,
            ) -> BoxFuture<'a, Result<Each, AgentError>> {
                match index {
                    $($index => erase(durable(&self.$index, input, cx)),)+
                    _ => unreachable!("a branch is started for each of the agents alone"),
                }
            }
        }

        impl<$($agent),+> sealed::Sealed for ($($agent,)+) {}
    };
}

tuples!(A 0 a);
tuples!(A 0 a, B 1 b);
tuples!(A 0 a, B 1 b, C 2 c);
tuples!(A 0 a, B 1 b, C 2 c, D 3 d);
tuples!(A 0 a, B 1 b, C 2 c, D 3 d, E 4 e);
tuples!(A 0 a, B 1 b, C 2 c, D 3 d, E 4 e, F 5 f);
tuples!(A 0 a, B 1 b, C 2 c, D 3 d, E 4 e, F 5 f, G 6 g);
tuples!(A 0 a, B 1 b, C 2 c, D 3 d, E 4 e, F 5 f, G 6 g, H 7 h);
