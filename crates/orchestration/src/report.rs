use std::time::Duration;

use maniple_core::{AgentError, Class, Timing};

use crate::fan_out::{End, Fate};

/// What a pattern measured of one of its runs. Nothing in it is computed from anything but clocks and
/// counts; children that were aborted or never started have no times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PatternReport {
    /// From the start of the pattern to its end.
    pub wall: Duration,
    /// Children that were started.
    pub started: usize,
    /// Children that returned an output.
    pub succeeded: usize,
    /// Children that failed.
    pub failed: usize,
    /// Children that were cancelled, by the pattern or from above.
    pub cancelled: usize,
    /// Children that wait for a signal.
    pub suspended: usize,
    /// Items that failed and were handed over as dead letters.
    pub dead_lettered: usize,
    /// Children that were never begun; what a stream still had to give is not counted.
    pub skipped: usize,
    /// How long inputs lay ready before their child began, summed over all: what a higher limit of
    /// concurrency could save. Of a stream nobody knows how long an input was ready, and nothing is
    /// counted.
    pub queued: Duration,
    /// How long children ran, summed over all.
    pub ran: Duration,
    /// How long children had ended and the pattern had not taken that in, summed over all.
    pub settled: Duration,
}

/// The result of a pattern, with what was measured.
#[derive(Debug)]
pub struct Reported<O> {
    /// What [`run`](maniple_core::BaseAgent::run) would have returned.
    pub result: Result<O, AgentError>,
    /// What was measured.
    pub report: PatternReport,
}

impl PatternReport {
    pub(crate) fn count<T>(&mut self, timing: Timing, end: &End<T>) {
        let ended = match end {
            End::Ran(result) => {
                self.queued += timing.queued;
                self.ran += timing.ran;
                self.settled += timing.settled;
                result.as_ref().map(drop).map_err(AgentError::class)
            }
            End::Aborted | End::LeftOut(Fate::Cancelled) => Err(Class::Cancelled),
            End::LeftOut(Fate::Failed(error)) => Err(error.class),
            End::LeftOut(Fate::Suspended) => Err(Class::Suspended),
            End::LeftOut(Fate::Skipped) => return,
        };
        *match ended {
            Ok(()) => &mut self.succeeded,
            Err(Class::Cancelled) => &mut self.cancelled,
            Err(Class::Suspended) => &mut self.suspended,
            Err(_) => &mut self.failed,
        } += 1;
    }
}
