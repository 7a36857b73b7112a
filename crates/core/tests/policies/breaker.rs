//! The breaker's table, against a model that remembers every call.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use maniple_core::policy::{Breaker, BreakerState, Rejected};
use maniple_core::{AgentError, AgentExt, BaseAgent, Class, EventKind, Run, agent_fn};
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::time::advance;

use crate::common::{CLASSES, cases, open, paused};
use crate::what::end;

/// How a call ends: with an output, a failure, or by being dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    Err(Class),
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    Nothing,
}

impl End {
    fn verdict(self) -> Verdict {
        match self {
            Self::Ok | Self::Err(Class::Permanent) => Verdict::Good,
            Self::Err(
                Class::Transient | Class::Indeterminate | Class::Panicked | Class::DeadlineExceeded,
            ) => Verdict::Bad,
            Self::Err(_) | Self::Dropped => Verdict::Nothing,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Call,
    /// Ends one of the calls in flight.
    End(usize, End),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let ends = prop_oneof![
        3 => Just(End::Ok),
        3 => Just(End::Err(Class::Transient)),
        3 => prop::sample::select(CLASSES.to_vec()).prop_map(End::Err),
        1 => Just(End::Dropped),
    ];
    prop_oneof![
        4 => Just(Event::Call),
        4 => (0_usize..8, ends).prop_map(|(which, end)| Event::End(which, end)),
        1 => (0_u64..150).prop_map(Event::Wait),
    ]
}

/// The table, in the simplest form.
struct Model {
    window: usize,
    failures: usize,
    probes: usize,
    open_for: u64,
    state: BreakerState,
    opened: u64,
    /// Counts the changes of the state.
    since: usize,
    verdicts: Vec<Verdict>,
    in_flight: usize,
}

impl Model {
    fn turn(&mut self, state: BreakerState, now: u64) {
        (self.state, self.opened) = (state, now);
        (self.since, self.in_flight) = (self.since + 1, 0);
        self.verdicts.clear();
    }

    fn call(&mut self, now: u64) -> bool {
        if self.state == BreakerState::Open && now >= self.opened + self.open_for {
            self.turn(BreakerState::HalfOpen, now);
        }
        let good = self.verdicts.iter().filter(|v| **v == Verdict::Good).count();
        let passes = match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => self.in_flight + good < self.probes,
        };
        self.in_flight += usize::from(passes);
        passes
    }

    fn end(&mut self, since: usize, verdict: Verdict, now: u64) {
        if since != self.since {
            return;
        }
        self.in_flight -= 1;
        if verdict != Verdict::Nothing {
            self.verdicts.push(verdict);
        }
        let of = |wanted, last: &[Verdict]| last.iter().filter(|v| **v == wanted).count();
        match self.state {
            BreakerState::Closed => {
                let last = &self.verdicts[self.verdicts.len().saturating_sub(self.window)..];
                if of(Verdict::Bad, last) >= self.failures {
                    self.turn(BreakerState::Open, now);
                }
            }
            BreakerState::HalfOpen if verdict == Verdict::Bad => self.turn(BreakerState::Open, now),
            BreakerState::HalfOpen if of(Verdict::Good, &self.verdicts) >= self.probes => {
                self.turn(BreakerState::Closed, now);
            }
            _ => {}
        }
    }
}

type Ending = oneshot::Sender<End>;
type Running<'a> = Pin<Box<dyn Future<Output = Result<(), AgentError>> + Send + 'a>>;

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn it_does_what_its_table_says(
        window in 1_usize..6,
        failures in 0_usize..8,
        probes in 0_usize..4,
        events in prop::collection::vec(event(), 0..80),
    ) {
        paused().block_on(async {
            let breaker = Breaker::new("service")
                .with_window(window, failures)
                .with_open_for(Duration::from_millis(100))
                .with_probes(probes);
            let agent = agent_fn("held", |ending: oneshot::Receiver<End>, _cx| async move {
                match ending.await {
                    Ok(End::Err(class)) => Err(end(class)),
                    _ => Ok(()),
                }
            });
            let agent = agent.with_breaker(&breaker);
            let run = open(Run::builder("test")).await;
            let cx = run.context();
            let mut model = Model {
                window,
                failures: failures.clamp(1, window),
                probes: probes.max(1),
                open_for: 100,
                state: BreakerState::Closed,
                opened: 0,
                since: 0,
                verdicts: Vec::new(),
                in_flight: 0,
            };
            let (mut now, mut id) = (0, 0);
            let mut running: BTreeMap<usize, (usize, Ending, Running<'_>)> = BTreeMap::new();
            for event in events {
                match event {
                    Event::Wait(millis) => {
                        advance(Duration::from_millis(millis)).await;
                        now += millis;
                    }
                    Event::Call => {
                        let (ending, ended) = oneshot::channel();
                        let mut call = agent.run(ended, &cx);
                        match (futures::poll!(&mut call), model.call(now)) {
                            (Poll::Pending, true) => {
                                running.insert(id, (model.since, ending, call));
                                id += 1;
                            }
                            (Poll::Ready(Err(AgentError::Failed { class, source, .. })), false) => {
                                prop_assert_eq!(class, Class::Transient);
                                let rejected = source.downcast_ref::<Rejected>();
                                let after = rejected.map(|rejected| rejected.retry_after);
                                let left = match model.state {
                                    BreakerState::Open => model.opened + 100 - now,
                                    _ => 0,
                                };
                                prop_assert_eq!(after, Some(Duration::from_millis(left)));
                            }
                            (polled, passes) => {
                                prop_assert!(false, "{polled:?} where it passes: {passes}");
                            }
                        }
                    }
                    Event::End(which, end) => {
                        let Some(id) = running.keys().nth(which).copied() else { continue };
                        let (since, ending, call) = running.remove(&id).unwrap();
                        if end == End::Dropped {
                            drop(call);
                        } else {
                            ending.send(end).unwrap();
                            let _ = call.await;
                        }
                        model.end(since, end.verdict(), now);
                    }
                }
                prop_assert_eq!(breaker.state(), model.state);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_when_it_changes_and_a_clone_is_the_same_breaker() {
    let breaker = Breaker::new("service").with_window(2, 2);
    let fails =
        agent_fn("fails", |(): (), _cx| async move { Err::<(), _>(AgentError::transient("down")) });
    let (one, two) = (fails.with_breaker(&breaker), breaker.clone());
    let run = open(Run::builder("test")).await;
    let mut events = run.events();
    for _ in 0..2 {
        assert_eq!(two.state(), BreakerState::Closed);
        one.run((), &run.context()).await.unwrap_err();
    }
    assert_eq!((two.state(), two.name()), (BreakerState::Open, "service"));
    let error = one.run((), &run.context()).await.unwrap_err();
    assert_eq!(error.to_string(), "the breaker service is open: try again in 30s");
    drop(run);
    let mut changes = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::BreakerChanged { breaker, state } = event.unwrap().kind {
            changes.push((breaker.to_string(), state));
        }
    }
    assert_eq!(changes, [("service".to_owned(), BreakerState::Open)]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_caller_says_nothing_of_the_service() {
    let breaker = Breaker::new("service").with_window(1, 1);
    let slow = agent_fn("slow", |(): (), _cx| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(())
    });
    let agent = slow.with_breaker(&breaker);
    let run = open(Run::builder("test").with_deadline(Duration::from_secs(1))).await;
    run.execute(agent, ()).await.unwrap_err();
    assert_eq!(breaker.state(), BreakerState::Closed);

    // Nor does it where the agent hears of it and says so itself.
    let looks = agent_fn("looks", |(): (), cx| async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cx.check()
    });
    let run = open(Run::builder("test")).await;
    let cx = run.context().child("looks").with_deadline(Duration::from_secs(1));
    let error = looks.with_breaker(&breaker).run((), &cx).await.unwrap_err();
    assert_eq!((error.class(), breaker.state()), (Class::DeadlineExceeded, BreakerState::Closed));
}
