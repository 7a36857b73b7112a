use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{MemoryJournal, Run, RunContext};
use maniple_orchestration::{Partial, PatternReport};
use tokio::runtime::{Builder, Handle};

/// Longer than anything that a test waits for, in simulated time.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A run in simulated time, with everything that is alive in it counted.
pub(crate) struct Lab {
    pub(crate) run: Run,
    pub(crate) journal: MemoryJournal,
    pub(crate) gauge: Gauge,
}

impl Lab {
    async fn open(journal: MemoryJournal) -> Self {
        let run = Run::builder("laws").with_journal(journal.clone()).open().await.unwrap();
        Self { run, journal, gauge: Gauge::default() }
    }

    /// A context for a pattern.
    pub(crate) fn cx(&self) -> RunContext {
        self.run.context().child("pattern")
    }

    /// Fails where something is still alive.
    fn check(&self) {
        assert_eq!(self.gauge.now(), 0, "a child outlived the pattern");
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "a task outlived the pattern");
    }
}

/// Runs a test whose pattern ends: nothing of it may be alive then.
pub(crate) fn simulate<T>(test: impl AsyncFnOnce(&Lab) -> T) -> T {
    simulate_on(MemoryJournal::new(), test)
}

/// The same on a journal that may know something already.
pub(crate) fn simulate_on<T>(journal: MemoryJournal, test: impl AsyncFnOnce(&Lab) -> T) -> T {
    in_paused_time(async {
        let lab = Lab::open(journal).await;
        let result = test(&lab).await;
        lab.check();
        result
    })
}

/// Runs a test that drops its pattern: nothing of it may be alive once the run is quiet.
pub(crate) fn simulate_dropping<T>(test: impl AsyncFnOnce(&Lab) -> T) -> T {
    in_paused_time(async {
        let lab = Lab::open(MemoryJournal::new()).await;
        let result = test(&lab).await;
        lab.run.quiesce().await;
        lab.check();
        result
    })
}

fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { tokio::time::timeout(HOUR, test).await.expect("it hangs") })
}

/// Counts how many are alive at the same time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    ever: AtomicUsize,
}

/// Someone that is counted.
pub(crate) struct Alive(Gauge);

impl Gauge {
    pub(crate) fn enter(&self) -> Alive {
        let now = self.0.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most.fetch_max(now, Ordering::Relaxed);
        self.0.ever.fetch_add(1, Ordering::Relaxed);
        Alive(self.clone())
    }

    /// How many are alive.
    pub(crate) fn now(&self) -> usize {
        self.0.now.load(Ordering::Relaxed)
    }

    /// How many were at the same time, at most.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::Relaxed)
    }

    /// How many there ever were.
    pub(crate) fn ever(&self) -> usize {
        self.0.ever.load(Ordering::Relaxed)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Every child that was started has exactly one end.
pub(crate) fn check_report(report: &PatternReport) {
    let PatternReport { started, succeeded, failed, cancelled, suspended, dead_lettered, .. } =
        *report;
    let ended = succeeded + failed + cancelled + suspended + dead_lettered;
    assert_eq!(ended, started, "each child has one end: {report:?}");
}

/// The places that are listed in a partial outcome: each at most once, and in order within each list.
pub(crate) fn left_out<T>(partial: &Partial<T>) -> Vec<usize> {
    let failed: Vec<usize> = partial.failed.iter().map(|(index, _)| *index).collect();
    let lists = [&failed, &partial.cancelled, &partial.skipped, &partial.suspended];
    for list in lists {
        assert!(list.is_sorted(), "each list is in order: {lists:?}");
    }
    let mut all: Vec<usize> = lists.into_iter().flatten().copied().collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "each is listed once: {lists:?}");
    all
}

/// What a partial outcome says, in a form that can be compared.
pub(crate) fn comparable<T: Clone>(partial: &Partial<T>) -> Comparable<T> {
    let failed = partial.failed.iter();
    let failed = failed.map(|(index, error)| (*index, error.recorded().to_string())).collect();
    let Partial { ok, cancelled, skipped, suspended, .. } = partial;
    (ok.clone(), failed, cancelled.clone(), skipped.clone(), suspended.clone())
}

pub(crate) type Comparable<T> = (T, Vec<(usize, String)>, Vec<usize>, Vec<usize>, Vec<usize>);
