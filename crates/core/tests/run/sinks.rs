//! Sinks hear everything from the opening on, and hurt no run.

use std::sync::{Arc, Mutex};

use maniple_core::{
    AgentEvent, Effect, EventKind, EventSink, MemoryJournal, Progress, Run, RunContext, agent_fn,
};

use crate::common::open;

/// Keeps what it hears, until it panics.
#[derive(Debug)]
struct Keeps {
    heard: Mutex<Vec<AgentEvent>>,
    panics_at: usize,
}

impl Keeps {
    fn new(panics_at: usize) -> Arc<Self> {
        Arc::new(Self { heard: Mutex::default(), panics_at })
    }

    fn heard(&self) -> Vec<AgentEvent> {
        self.heard.lock().unwrap().clone()
    }
}

impl EventSink for Keeps {
    fn event(&self, event: &AgentEvent) {
        let mut heard = self.heard.lock().unwrap();
        heard.push(event.clone());
        let panics = heard.len() == self.panics_at;
        drop(heard);
        if panics {
            // Unlike `panic!` it prints nothing: this panic is expected.
            std::panic::resume_unwind(Box::new("a sink has enough"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_hears_what_a_stream_hears_from_the_opening_on() {
    let sink = Keeps::new(usize::MAX);
    let builder = Run::builder("all").with_journal(MemoryJournal::new()).with_sink(sink.clone());
    let mut events = builder.events().keep_all();
    let run = open(builder).await;
    let agent = agent_fn("agent", |(), cx: RunContext| async move {
        cx.progress(|| Progress { message: "begun".into(), ..Progress::default() });
        cx.step("step", Effect::Idempotent, (), |(), _| async { Ok(1) }).await
    });
    run.execute(agent, ()).await.unwrap();
    drop(run);
    let heard = sink.heard();
    assert!(matches!(heard[0].kind, EventKind::Opened { .. }));
    assert_eq!(heard.len(), 6, "opened, started, told, a step of two, finished");
    for heard in heard {
        assert_eq!(events.next().await, Some(Ok(heard)));
    }
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_hurts_neither_the_run_nor_other_sinks() {
    let (bad, good) = (Keeps::new(2), Keeps::new(usize::MAX));
    let builder = Run::builder("panics").with_sink(bad.clone()).with_sink(good.clone());
    let run = open(builder).await;
    let double = agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) });
    assert_eq!(run.execute(double, 21).await.unwrap(), 42);
    assert_eq!(bad.heard().len(), 2, "it is not called again");
    assert_eq!(good.heard().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_sink_may_look_at_its_run() {
    /// Takes every lock of the run that a host can take.
    #[derive(Debug, Default)]
    struct Looks(Mutex<Option<std::sync::Weak<Run>>>, Mutex<Vec<u64>>);

    impl EventSink for Looks {
        fn event(&self, _: &AgentEvent) {
            let run = self.0.lock().unwrap().as_ref().and_then(std::sync::Weak::upgrade);
            if let Some(run) = run {
                let _ = (run.awaited_signals(), run.worked(), run.events(), run.context());
                self.1.lock().unwrap().push(run.stats().steps_run);
            }
        }
    }

    let sink = Arc::new(Looks::default());
    let builder = Run::builder("looks").with_journal(MemoryJournal::new()).with_sink(sink.clone());
    let run = Arc::new(open(builder).await);
    *sink.0.lock().unwrap() = Some(Arc::downgrade(&run));
    let agent = agent_fn("agent", |(), cx: RunContext| async move {
        cx.step("step", Effect::Idempotent, (), |(), _| async { Ok(()) }).await?;
        cx.signal::<()>("go").await
    });
    run.execute(agent, ()).await.unwrap_err();
    assert_eq!(*sink.1.lock().unwrap(), [0, 1, 1, 1, 1], "started, the step, suspended, finished");
}
