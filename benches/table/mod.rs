//! Figures, what they must not exceed, and the table that both are printed in.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// Why there is no figure.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

const WORKERS: usize = 2;

/// The runtime that everything which is compared runs on.
///
/// # Errors
/// Where the system gives no threads.
pub fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?)
}

/// Does work on a worker thread, where an application's own tasks run.
///
/// # Errors
/// Those of the work, and its panic.
pub fn on_worker<T, F>(runtime: &Runtime, work: F) -> Result<T, Failed>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failed>> + Send + 'static,
{
    runtime.block_on(runtime.spawn(work))?
}

/// A figure counts only if the work was done: each number below `items` was given once.
///
/// # Errors
/// Where they do not add up.
pub fn expect_sum(sum: u64, items: u64) -> Result<(), Failed> {
    let expected = items * (items - 1) / 2;
    if sum == expected {
        Ok(())
    } else {
        Err(format!("the items add up to {sum}, not {expected}: an item was lost or run twice")
            .into())
    }
}

/// The shortest of the turns taken so far.
#[derive(Debug, Clone, Copy)]
pub struct Fastest(pub Duration);

impl Default for Fastest {
    fn default() -> Self {
        Self(Duration::MAX)
    }
}

impl Fastest {
    /// Takes a turn on a worker thread.
    ///
    /// # Errors
    /// Those of the work.
    pub fn turn<F>(&mut self, runtime: &Runtime, work: F) -> Result<(), Failed>
    where
        F: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        let took = on_worker(runtime, async move {
            let began = Instant::now();
            work.await?;
            Ok(began.elapsed())
        })?;
        self.0 = self.0.min(took);
        Ok(())
    }

    /// How many times as long as another it took.
    pub fn over(self, other: Self) -> f64 {
        self.0.div_duration_f64(other.0)
    }
}

/// What a figure must not exceed.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Mebibytes.
    MiB(f64),
    /// Nanoseconds more than what it is compared with.
    Nanos(f64),
    /// Times what it is compared with.
    Ratio(f64),
    /// Percent more than what it is compared with.
    PercentOver(f64),
}

impl Bar {
    /// Prints how one duration stands to another.
    pub fn judge(self, name: &str, measured: Fastest, against: Fastest) {
        let ratio = measured.over(against);
        self.print(
            name,
            if matches!(self, Self::PercentOver(_)) { (ratio - 1.0) * 100.0 } else { ratio },
        );
    }

    /// Prints a figure and whether it is within the bar.
    pub fn print(self, name: &str, figure: f64) {
        let (bar, unit) = match self {
            Self::Ratio(bar) => (bar, "x"),
            Self::PercentOver(bar) => (bar, "%"),
            Self::MiB(bar) => (bar, "MiB"),
            Self::Nanos(bar) => (bar, "ns"),
        };
        let verdict = if figure <= bar { "met" } else { "MISSED" };
        println!("{name:<52} {figure:>7.2} {unit:<3} {bar:>7.2} {unit:<3}  {verdict}");
    }
}

/// Prints the names of the columns.
pub fn heading() {
    println!("{:<52} {:>11} {:>11}  verdict", "name", "figure", "bar");
}

/// Prints a figure that has no bar.
pub fn note(name: &str, figure: f64, unit: &str) {
    let decimals = if figure < 1000.0 { 2 } else { 0 };
    println!("{name:<52} {figure:>7.decimals$} {unit}");
}

/// A count as people write it: `100,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
