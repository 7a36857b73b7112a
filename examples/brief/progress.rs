//! Shows how far the reading is.

use std::future::Future;
use std::io::IsTerminal;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::command::Form;

/// What is counted while files are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    expected: Arc<AtomicUsize>,
    read: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) fn expect(&self, files: usize) {
        self.expected.store(files, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    pub(crate) fn so_far(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct Progress {
    counter: Counter,
    look: Look,
}

/// A bar on a terminal, a line now and then elsewhere, nothing for machines.
#[derive(Debug)]
enum Look {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

const OFTEN: Duration = Duration::from_millis(80);
const NOW_AND_THEN: Duration = Duration::from_secs(2);

impl Progress {
    pub(crate) fn new(form: Form) -> Self {
        let look = match form {
            Form::Json => Look::Nothing,
            Form::Text if std::io::stderr().is_terminal() => Look::Bar(bar()),
            Form::Text => Look::Lines,
        };
        Self { counter: Counter::default(), look }
    }

    pub(crate) fn counter(&self) -> Counter {
        self.counter.clone()
    }

    /// Shows the progress until the work has ended.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let mut work = pin!(work);
        let result = loop {
            let pause = if matches!(self.look, Look::Bar(_)) { OFTEN } else { NOW_AND_THEN };
            match tokio::time::timeout(pause, work.as_mut()).await {
                Ok(result) => break result,
                Err(_) => self.show(began.elapsed()),
            }
        };
        if let Look::Bar(bar) = &self.look {
            bar.finish_and_clear();
        }
        result
    }

    fn show(&self, elapsed: Duration) {
        let expected = self.counter.expected.load(Ordering::Relaxed);
        let read = self.counter.so_far();
        match &self.look {
            Look::Bar(bar) => {
                bar.set_length(expected as u64);
                bar.set_position(read);
            }
            Look::Lines => eprintln!("{:>3} s  read {read} of {expected} files", elapsed.as_secs()),
            Look::Nothing => {}
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("reading {bar:40} {pos}/{len} files")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
