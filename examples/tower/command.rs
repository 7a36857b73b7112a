//! What the program is asked.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::Parser;

/// Try out limits on an agent under load: how many requests are served, shed and timed out.
///
/// The agent sleeps for as long as a model call would take; the limits are tower's own layers around
/// it. A request is shed at once when the buffer is full, and times out when it was not answered in
/// time, be it in the buffer or at work.
#[derive(Debug, Parser)]
#[command(name = "tower", version, about, max_term_width = 100)]
#[command(after_help = "\
Try --buffer 4 and --buffer 16: who has waited long begins late, and the work on it is for nothing.
The same seed gives the same times of work. What becomes of the requests also depends on the machine.
Exit codes: 0 every request has ended in one way or another, 1 one has not, 2 the command is wrong.")]
pub(crate) struct Command {
    /// How many requests come in
    #[arg(long, short, default_value = "200")]
    pub(crate) requests: NonZeroU32,
    /// The time from one request to the next; 0 lets all come at once
    #[arg(long, default_value_t = 5, value_name = "MILLISECONDS")]
    every: u64,
    /// How long the agent works on a request
    #[arg(long, short, default_value_t = 40, value_name = "MILLISECONDS")]
    work: u64,
    /// By how much of that one request takes less or more than another
    #[arg(long, default_value_t = 50, value_name = "PERCENT")]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=100))]
    spread: u64,
    /// How long a request may take, waiting included
    #[arg(long, short, default_value_t = 120, value_name = "MILLISECONDS")]
    pub(crate) timeout: u64,
    /// How many requests may wait
    #[arg(long, short, default_value = "16")]
    pub(crate) buffer: NonZeroUsize,
    /// How many requests the agent works on at the same time
    #[arg(long, short, default_value = "4")]
    pub(crate) concurrency: NonZeroUsize,
    /// Decides which requests take long
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    pub(crate) fn every(&self) -> Duration {
        Duration::from_millis(self.every)
    }

    pub(crate) fn work(&self) -> Work {
        Work { usual: self.work, spread: self.spread, seed: self.seed }
    }

    /// What is tried out, for people.
    pub(crate) fn describe(&self) -> String {
        let Self { requests, every, work, spread, timeout, buffer, concurrency, .. } = self;
        format!(
            "{requests} requests, one every {every} ms; {work} ms of work, {spread} % less or more; \
             {concurrency} at work and {buffer} waiting at most; {timeout} ms to answer"
        )
    }
}

/// How long the agent works on which request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// In milliseconds.
    usual: u64,
    /// In percent of it.
    spread: u64,
    seed: u64,
}

impl Work {
    pub(crate) fn of(self, request: u32) -> Duration {
        let usual = Duration::from_millis(self.usual);
        // Between -1 and 1.
        let share = f64::from(scatter(self.seed, request)) / f64::from(u32::MAX / 2) - 1.0;
        let percent = u32::try_from(self.spread).unwrap_or(100);
        usual.mul_f64((1.0 + share * f64::from(percent) / 100.0).max(0.0))
    }
}

/// Numbers that look like chance and are the same each time.
fn scatter(seed: u64, request: u32) -> u32 {
    let mut mixed = seed.wrapping_add(u64::from(request)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from(mixed >> 32).unwrap_or(u32::MAX)
}
