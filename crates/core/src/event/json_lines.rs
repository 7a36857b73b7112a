use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use serde::Serialize;

use super::Events;

impl Events {
    /// Writes the events as lines of JSON, until the run is gone: the sink for logs that are kept.
    ///
    /// It **blocks the thread** that it is called on, so a host gives it one:
    /// `std::thread::spawn`, or `tokio::task::spawn_blocking`. Between that thread and the agents
    /// there is the buffer of the stream, and nothing else. That is why it is no
    /// [`EventSink`](crate::EventSink): those are called by the agents, who would wait for every slow
    /// disk and full pipe.
    ///
    /// Every event is one line, an [`AgentEvent`](crate::AgentEvent) with its fields in this order:
    ///
    /// ```json
    /// {"run":"…","path":"/agent/ask","sequence":7,"time":{"secs_since_epoch":1,"nanos_since_epoch":0},"kind":"replayed"}
    /// ```
    ///
    /// A gap is a line `{"lost":12}`, a [`Lost`](crate::Lost). Both are read back by serde. Each line
    /// is one call of `write_all`; the writer is flushed each time that all events so far are
    /// written, and at the end, so that a `BufWriter` around a file is what to give it. To keep the
    /// writer, give a `&mut` of it.
    ///
    /// # Errors
    /// The first error of the writer, and `InvalidData` where the host's clock stands before 1970. The
    /// last line may be half written, and nothing is written after it; the run goes on.
    ///
    /// ```
    /// use maniple_core::{AgentError, AgentEvent, Run, agent_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let run = Run::builder("example");
    /// let events = run.events().keep_all();
    /// let log = std::thread::spawn(move || {
    ///     let mut log = Vec::new();
    ///     events.write_json_lines(&mut log).map(|()| log)
    /// });
    ///
    /// let run = run.open().await?;
    /// run.execute(agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) }), 21).await?;
    /// drop(run);
    ///
    /// let log = log.join().expect("writing to memory does not panic").expect("nor does it fail");
    /// let events: Vec<AgentEvent> =
    ///     serde_json::Deserializer::from_slice(&log).into_iter().map(|e| e.unwrap()).collect();
    /// assert_eq!(events.len(), 3, "opened, started, finished");
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_json_lines<W: io::Write>(self, mut writer: W) -> io::Result<()> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let cx = Context::from_waker(&waker);
        let mut line = Vec::new();
        loop {
            match self.poll_take(&cx) {
                Poll::Ready(Some(Ok(event))) => write_line(&mut writer, &mut line, &event)?,
                Poll::Ready(Some(Err(lost))) => write_line(&mut writer, &mut line, &lost)?,
                Poll::Ready(None) => return writer.flush(),
                Poll::Pending => {
                    writer.flush()?;
                    // One that came meanwhile has left its token, and this returns at once.
                    thread::park();
                }
            }
        }
    }
}

fn write_line(
    writer: &mut impl io::Write,
    line: &mut Vec<u8>,
    value: &impl Serialize,
) -> io::Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, value)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    line.push(b'\n');
    writer.write_all(line)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::stream::Queue;
    use super::super::{AgentEvent, EventKind, Lost, Progress};
    use super::*;
    use crate::budget::Budget;
    use crate::error::{Class, RecordedError};
    use crate::identity::{Key, RunId};
    use crate::policy::BreakerState;
    use crate::step::Effect;

    /// One of each kind.
    fn kinds() -> Vec<EventKind> {
        let error = RecordedError { class: Class::DeadlineExceeded, text: "too \"late\"\n".into() };
        let amount = Budget { tokens: 42, cost_micros: 7, calls: u64::MAX };
        let progress = |total| Progress { message: "reading".into(), done: 3, total };
        vec![
            EventKind::Opened { name: "shop".into(), records: 0 },
            EventKind::Started,
            EventKind::Finished { error: None },
            EventKind::Finished { error: Some(error.clone()) },
            EventKind::StepStarted { effect: Effect::Irreversible },
            EventKind::StepFinished {
                error: None,
                took: Duration::from_millis(1500),
                spent: amount,
            },
            EventKind::Replayed,
            EventKind::InDoubt { effect: Effect::Pure },
            EventKind::Retried { attempt: 1, error: error.clone() },
            EventKind::Progress(progress(None)),
            EventKind::Progress(progress(Some(4))),
            EventKind::BudgetLow { remaining: amount },
            EventKind::Suspended,
            EventKind::Zombies { tasks: 2 },
            EventKind::TimedOut { after: Duration::from_millis(1500) },
            EventKind::FellBack { error },
            EventKind::BreakerChanged { breaker: "shop".into(), state: BreakerState::HalfOpen },
        ]
    }

    fn event(sequence: u64, kind: EventKind) -> AgentEvent {
        AgentEvent {
            run: RunId::new("run-1"),
            path: Key::new("/review/map[17]/ask#2"),
            sequence,
            time: SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5),
            kind,
        }
    }

    #[test]
    fn the_lines_are_those_of_the_golden_file_and_read_back() {
        let golden = include_str!("golden.jsonl");
        let kinds = kinds();
        let queue = Arc::new(Queue::default());
        let events = Events::new(queue.clone(), Arc::default()).with_buffer(kinds.len());
        // The first one is lost.
        let first = event(0, EventKind::Started);
        for event in
            std::iter::once(first).chain((1..).zip(&kinds).map(|(n, k)| event(n, k.clone())))
        {
            assert!(queue.push(event, &mut Vec::new()));
        }
        queue.close();
        let mut written = Vec::new();
        events.write_json_lines(&mut written).expect("writing to memory does not fail");
        assert_eq!(String::from_utf8_lossy(&written), golden);

        let mut lines = golden.lines();
        let lost = lines.next().map(serde_json::from_str::<Lost>);
        assert_eq!(lost.expect("the file has lines").expect("a gap"), Lost(1));
        for (line, (sequence, kind)) in lines.zip((1..).zip(kinds)) {
            let read: AgentEvent = serde_json::from_str(line).expect("an event");
            assert_eq!(read, event(sequence, kind));
        }
    }
}
