//! Pausing, and the clocks: working time stands still while a run is paused, the time of day does
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use maniple_core::{
    AgentError, AgentExt, BoxAgent, Class, Effect, Run, RunBuilder, RunContext, agent_fn,
};
use tokio::time::{Instant, advance};

use crate::common::{open, settle};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn builder() -> RunBuilder {
    Run::builder("pause").with_grace(SECOND)
}

/// Counts how often it came past its pause point, until it is asked to stop.
fn turns(counted: &Arc<AtomicUsize>) -> BoxAgent<(), ()> {
    let counted = counted.clone();
    let turns = move |(), cx: RunContext| {
        let counted = counted.clone();
        async move {
            while !cx.is_cancelled() {
                cx.pause_point().await?;
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    };
    agent_fn("turns", turns).boxed()
}

#[tokio::test(start_paused = true)]
async fn a_paused_agent_is_held_at_its_pause_point_until_the_run_is_resumed() {
    let (run, counted) = (open(builder()).await, Arc::new(AtomicUsize::new(0)));
    let turn = || counted.load(Ordering::SeqCst);
    let control = async {
        settle().await;
        assert!(turn() > 0);
        run.pause();
        settle().await;
        let held = turn();
        settle().await;
        assert_eq!(turn(), held, "it went on while the run was paused");
        run.resume();
        settle().await;
        assert!(turn() > held, "it did not go on");
        run.cancel();
    };
    let (result, ()) = futures::join!(run.execute(turns(&counted), ()), control);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_agent_is_not_held() {
    let (run, counted) = (open(builder()).await, Arc::new(AtomicUsize::new(0)));
    run.pause();
    let control = async {
        settle().await;
        run.cancel();
    };
    let began = Instant::now();
    let (result, ()) = futures::join!(run.execute(turns(&counted), ()), control);
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
    assert_eq!(counted.load(Ordering::SeqCst), 0);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn pausing_twice_or_resuming_what_is_not_paused_counts_no_time_twice() {
    let run = open(builder()).await;
    advance(3 * SECOND).await;
    run.resume();
    advance(SECOND).await;
    run.pause();
    advance(HOUR).await;
    run.pause();
    assert_eq!(run.worked(), 4 * SECOND);
    run.resume();
    run.resume();
    advance(SECOND).await;
    assert_eq!(run.worked(), 5 * SECOND);
}

/// An agent that ends when it is told to, and how long that took.
async fn told_after(run: &Run) -> (Result<(), AgentError>, Duration) {
    let began = Instant::now();
    let agent = agent_fn("waits", |(), cx: RunContext| async move {
        cx.cancelled().await;
        // What it does next hears why.
        cx.step("next", Effect::Pure, (), |(), _| async { Ok(()) }).await
    });
    (run.execute(agent, ()).await, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_does_not_come_nearer_while_the_run_is_paused() {
    let run = open(builder().with_deadline(10 * SECOND)).await;
    let control = async {
        advance(4 * SECOND).await;
        run.pause();
        assert_eq!(run.context().time_left(), Some(6 * SECOND));
        advance(HOUR).await;
        assert_eq!(run.context().time_left(), Some(6 * SECOND));
        run.resume();
    };
    let ((result, took), ()) = futures::join!(told_after(&run), control);
    assert_eq!(result.unwrap_err().class(), Class::DeadlineExceeded);
    assert_eq!(took.as_secs(), 3610);
}

#[tokio::test(start_paused = true)]
async fn the_wall_deadline_passes_while_the_run_is_paused() {
    let run = open(builder().with_wall_deadline(SystemTime::now() + 10 * SECOND)).await;
    run.pause();
    let (result, took) = told_after(&run).await;
    assert_eq!(result.unwrap_err().class(), Class::DeadlineExceeded);
    // It was computed from the time of day, which goes on by itself.
    assert!((9..=10).contains(&took.as_secs()), "{took:?}");
    assert_eq!(run.worked(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn of_all_deadlines_the_earliest_holds() {
    let run = open(builder().with_deadline(10 * SECOND)).await;
    let cx = run.context();
    let left = |cx: &RunContext| cx.time_left().unwrap();
    assert_eq!(left(&cx.clone().with_deadline(HOUR)), 10 * SECOND);
    assert_eq!(left(&cx.clone().with_deadline(SECOND)), SECOND);
    assert_eq!(left(&cx.clone().with_deadline(SECOND).child("a").with_deadline(HOUR)), SECOND);
    let wall = |after| SystemTime::now() + after;
    assert_eq!(left(&cx.clone().with_wall_deadline(wall(HOUR))), 10 * SECOND);
    assert!(left(&cx.clone().with_wall_deadline(wall(SECOND))) <= SECOND);
    let both = cx.clone().with_wall_deadline(wall(SECOND)).with_wall_deadline(wall(HOUR));
    assert!(left(&both) <= SECOND);
    assert_eq!(left(&cx.with_wall_deadline(SystemTime::UNIX_EPOCH)), Duration::ZERO);
}
