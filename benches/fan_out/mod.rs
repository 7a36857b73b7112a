//! The same work for each number below a count, by hand and by each of the patterns with many
//! children.

pub mod by_hand;
pub mod patterns;

use std::future::Future;
use std::hint::black_box;

/// What is done for each number; it gives the number back.
pub trait Work: Fn(u64) -> Self::Done + Clone + Send + Sync + 'static {
    /// The work on one number.
    type Done: Future<Output = u64> + Send + 'static;
}

impl<F, Fut> Work for F
where
    F: Fn(u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = u64> + Send + 'static,
{
    type Done = Fut;
}

/// Nothing, which the compiler does not see.
#[expect(clippy::unused_async, reason = "it is done where the item runs, not where it is made")]
pub async fn no_op(n: u64) -> u64 {
    black_box(n)
}
