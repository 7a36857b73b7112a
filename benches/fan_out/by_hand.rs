//! What is written without Maniple.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Work;
use crate::table::Failed;

/// Far enough away to pass in no turn, so that what it costs is having it.
pub const DEADLINE: Duration = Duration::from_secs(600);

const STOPPED: &str = "an item was stopped";

/// All at the same time, and nothing else: the sum of what they give.
///
/// # Errors
/// The panic of an item.
pub async fn bare(items: u64, work: impl Work) -> Result<u64, Failed> {
    let mut tasks = JoinSet::new();
    for n in 0..items {
        tasks.spawn(work(n));
    }
    let mut sum = 0;
    while let Some(joined) = tasks.join_next().await {
        sum += joined?;
    }
    Ok(sum)
}

/// With a limit, a deadline and cancellation.
///
/// # Errors
/// The panic of an item, or that one was stopped.
pub async fn bounded(items: u64, limit: usize, work: impl Work) -> Result<u64, Failed> {
    let parent = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(limit));
    let mut tasks = JoinSet::new();
    let mut sum = 0;
    for n in 0..items {
        let permit = permits.clone().acquire_owned().await?;
        let token = parent.child_token();
        let work = work(n);
        tasks.spawn(async move {
            let _permit = permit;
            unless_stopped(&token, work).await
        });
        // Taken in as they end: faster, and with less memory, than all of them at the end.
        while let Some(joined) = tasks.try_join_next() {
            sum += joined?.ok_or(STOPPED)?;
        }
    }
    while let Some(joined) = tasks.join_next().await {
        sum += joined?.ok_or(STOPPED)?;
    }
    Ok(sum)
}

/// One task for each item, which does the work twice: each time with a limit of its own, a deadline
/// and cancellation.
///
/// # Errors
/// The panic of an item, or that one was stopped.
pub async fn two_stages(items: u64, limit: usize, work: impl Work) -> Result<u64, Failed> {
    let parent = CancellationToken::new();
    let first = Arc::new(Semaphore::new(limit));
    let second = Arc::new(Semaphore::new(limit));
    let mut tasks = JoinSet::new();
    let mut sum = 0;
    for n in 0..items {
        let permit = first.clone().acquire_owned().await?;
        let (token, second, work) = (parent.child_token(), second.clone(), work.clone());
        tasks.spawn(async move {
            let between = unless_stopped(&token, work(n)).await;
            drop(permit);
            let _permit = second.acquire().await?;
            let Some(between) = between else { return Ok(None) };
            Ok::<_, AcquireError>(unless_stopped(&token, work(between)).await)
        });
        while let Some(joined) = tasks.try_join_next() {
            sum += joined??.ok_or(STOPPED)?;
        }
    }
    while let Some(joined) = tasks.join_next().await {
        sum += joined??.ok_or(STOPPED)?;
    }
    Ok(sum)
}

async fn unless_stopped(token: &CancellationToken, work: impl Future<Output = u64>) -> Option<u64> {
    tokio::select! {
        biased;
        () = token.cancelled() => None,
        answer = tokio::time::timeout(DEADLINE, work) => answer.ok(),
    }
}
