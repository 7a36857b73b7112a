//! Events as lines of JSON, on a thread of their own.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use maniple_core::{AgentEvent, Lost, Progress, Run, agent_fn};
use serde::Deserialize;

use crate::common::open;

/// A line, read back.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Line {
    Event(AgentEvent),
    Lost(Lost),
}

fn lines(log: &[u8]) -> Vec<Line> {
    let text = std::str::from_utf8(log).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A writer that others can look into, and that can be made to stand still.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    written: Vec<u8>,
    flushed: usize,
    is_stuck: bool,
}

impl Pipe {
    fn set_stuck(&self, is_stuck: bool) {
        self.0.0.lock().unwrap().is_stuck = is_stuck;
        self.0.1.notify_all();
    }

    /// What was flushed, once it has so many lines.
    fn flushed(&self, lines: usize) -> Vec<u8> {
        let (state, changed) = &*self.0;
        let of = |state: &State| state.written[..state.flushed].to_vec();
        let is_less = |state: &mut State| of(state).split(|byte| *byte == b'\n').count() <= lines;
        let limit = Duration::from_secs(60);
        let (state, late) =
            changed.wait_timeout_while(state.lock().unwrap(), limit, is_less).unwrap();
        assert!(!late.timed_out(), "never flushed {lines} lines");
        of(&state)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (state, changed) = &*self.0;
        let mut state = changed.wait_while(state.lock().unwrap(), |state| state.is_stuck).unwrap();
        state.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.flushed = state.written.len();
        self.0.1.notify_all();
        Ok(())
    }
}

#[tokio::test]
async fn every_event_is_a_line_that_reads_back() {
    let builder = Run::builder("lines");
    let mut heard = builder.events();
    let events = builder.events().keep_all();
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        events.write_json_lines(&mut log).map(|()| log)
    });
    let run = open(builder).await;
    run.execute(agent_fn("agent", |(), _| async { Ok(()) }), ()).await.unwrap();
    drop(run);
    let lines = lines(&log.join().unwrap().unwrap());
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(line, Line::Event(heard.next().await.unwrap().unwrap()));
    }
}

#[tokio::test]
async fn a_writer_that_stands_still_holds_up_no_agent() {
    let pipe = Pipe::default();
    pipe.set_stuck(true);
    let run = open(Run::builder("stuck")).await;
    let events = run.events().with_buffer(4);
    let writing = std::thread::spawn({
        let pipe = pipe.clone();
        move || events.write_json_lines(pipe)
    });
    for done in 0..100 {
        run.context().progress(|| Progress { done, ..Progress::default() });
    }
    pipe.set_stuck(false);
    drop(run);
    writing.join().unwrap().unwrap();
    let lines = lines(&pipe.flushed(1));
    let mut next = 0;
    for line in &lines {
        match line {
            Line::Event(event) => {
                assert_eq!(event.sequence, next);
                next += 1;
            }
            Line::Lost(Lost(events)) => next += events,
        }
    }
    assert_eq!(next, 100, "what is not in the log is known to be lost");
    assert!(lines.len() < 100, "a buffer of four was enough for all");
}

#[tokio::test]
async fn lines_are_flushed_when_there_are_no_more_for_now() {
    let pipe = Pipe::default();
    let run = open(Run::builder("live")).await;
    let events = run.events();
    let writing = std::thread::spawn({
        let pipe = pipe.clone();
        move || events.write_json_lines(pipe)
    });
    for told in 1..=3 {
        run.context().progress(Progress::default);
        assert_eq!(lines(&pipe.flushed(told)).len(), told, "the run lives on");
    }
    drop(run);
    writing.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_writer_that_fails_ends_the_log_and_not_the_run() {
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let run = open(Run::builder("full")).await;
    let events = run.events();
    let writing = std::thread::spawn(move || events.write_json_lines(Full));
    run.context().progress(Progress::default);
    let error = writing.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    run.execute(agent_fn("agent", |(), _| async { Ok(()) }), ()).await.unwrap();
}
