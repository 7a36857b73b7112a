//! Each fault does what it is named after, and is written down.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, BaseAgent, Budget, Class, Effect, EventKind, MemoryJournal, Run, RunContext,
    agent_fn,
};
use maniple_testkit::{
    CrashTest, Fault, FaultSchedule, Faults, FaultyAgent, InjectedError, Process, RecordingSink,
};

const SECOND: Duration = Duration::from_secs(1);

/// An agent that counts how often it works.
fn works(worked: &Arc<AtomicUsize>) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    let worked = worked.clone();
    agent_fn("works", move |n: u64, _cx| {
        let worked = worked.clone();
        async move {
            worked.fetch_add(1, Ordering::Relaxed);
            Ok(n + 1)
        }
    })
}

fn first(fault: Fault) -> Faults {
    Faults::new(FaultSchedule::at([(0, fault)]))
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_has_its_class_and_says_which_it_was() {
    let cases = [
        (Fault::Transient, Class::Transient, 0),
        (Fault::Permanent, Class::Permanent, 0),
        (Fault::Indeterminate, Class::Indeterminate, 0),
        (Fault::LostAnswer, Class::Indeterminate, 1),
        (Fault::Panic, Class::Panicked, 0),
    ];
    for (fault, class, expected) in cases {
        let (worked, faults) = (Arc::default(), first(fault));
        let run = Run::builder("test").open().await.unwrap();
        let agent = FaultyAgent::new(works(&worked), &faults);
        let error = run.execute(agent, 1).await.unwrap_err();
        assert_eq!(error.class(), class);
        assert!(error.to_string().contains(&format!("call 0 met with {fault}")), "{error}");
        assert_eq!(worked.load(Ordering::Relaxed), expected, "{fault}");
        let injected = faults.injected();
        assert_eq!((injected[0].call, injected[0].fault), (0, fault));
        assert_eq!(injected[0].key.as_str(), "/works");
        assert!(injected[0].is_over);
        faults.verify().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_after_a_fault_is_the_agents_own() {
    let (worked, faults) = (Arc::default(), first(Fault::Transient));
    let agent = Arc::new(FaultyAgent::new(works(&worked), &faults));
    let run = Run::builder("test").open().await.unwrap();
    run.execute(agent.clone(), 1).await.unwrap_err();
    assert_eq!(run.execute(agent, 1).await.unwrap(), 2);
    assert_eq!(faults.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_was_refused_for_good_is_refused_again() {
    let (worked, faults) = (Arc::default(), first(Fault::Permanent));
    let run = Run::builder("test").open().await.unwrap();
    for _ in 0..3 {
        let agent = FaultyAgent::new(works(&worked), &faults);
        let error = run.execute(agent, 1).await.unwrap_err();
        assert_eq!(error.class(), Class::Permanent);
    }
    assert_eq!((faults.calls(), faults.injected().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_was_let_through_is_refused_no_more() {
    let faults = Faults::new(FaultSchedule::at([(1, Fault::Permanent)]));
    let run = Run::builder("test").open().await.unwrap();
    for _ in 0..2 {
        let agent = FaultyAgent::new(works(&Arc::default()), &faults);
        assert_eq!(run.execute(agent, 1).await.unwrap(), 2);
    }
    // So that call has not met with it.
    assert_eq!(faults.verify().unwrap_err().calls, 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_when_it_is_cancelled() {
    let faults = first(Fault::Hang);
    let run = Run::builder("test").with_grace(SECOND).open().await.unwrap();
    let agent = FaultyAgent::new(works(&Arc::default()), &faults);
    let began = tokio::time::Instant::now();
    let cancel = async {
        tokio::time::sleep(3600 * SECOND).await;
        assert!(!faults.injected()[0].is_over);
        run.cancel();
    };
    let (ended, ()) = futures::future::join(run.execute(agent, 1), cancel).await;
    assert_eq!(ended.unwrap_err().class(), Class::Cancelled);
    assert_eq!(began.elapsed(), 3600 * SECOND, "it takes no grace");
    assert!(faults.injected()[0].is_over);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ignores_its_cancellation_is_aborted_after_the_grace() {
    let faults = first(Fault::IgnoreCancel);
    let run = Run::builder("test").with_grace(7 * SECOND).open().await.unwrap();
    let agent = FaultyAgent::new(works(&Arc::default()), &faults);
    let began = tokio::time::Instant::now();
    run.cancel();
    assert_eq!(run.execute(agent, 1).await.unwrap_err().class(), Class::Cancelled);
    assert!(began.elapsed() >= 6 * SECOND, "after {:?}", began.elapsed());
    assert!(faults.injected()[0].is_over);
    assert_eq!(run.stats().zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_beats_gets_no_further() {
    let faults = first(Fault::Beat);
    let sink = RecordingSink::new();
    let run = Run::builder("test").with_sink(sink.clone()).open().await.unwrap();
    let agent = FaultyAgent::new(works(&Arc::default()), &faults);
    let cancel = async {
        tokio::time::sleep(10 * SECOND + SECOND / 2).await;
        run.cancel();
    };
    let (ended, ()) = futures::future::join(run.execute(agent, 1), cancel).await;
    assert_eq!(ended.unwrap_err().class(), Class::Cancelled);
    let events = sink.events();
    let progress = |kind: &EventKind| match kind {
        EventKind::Progress(progress) => Some(progress.done),
        _ => None,
    };
    let done: Vec<_> = events.iter().filter_map(|event| progress(&event.kind)).collect();
    assert_eq!(done, [0; 11]);
}

#[tokio::test(start_paused = true)]
async fn a_burnt_budget_leaves_nothing_for_the_agent() {
    let asks = |name, calls: u64| {
        agent_fn(name, move |(): (), cx: RunContext| async move {
            let reserve = Effect::Pure.reserving(Budget { calls, ..Budget::ZERO });
            cx.step("ask", reserve, (), |(), _| async move { Ok(()) }).await
        })
    };
    let budget = Budget { calls: 9, cost_micros: u64::MAX, tokens: 4 };
    let run = Run::builder("test").with_budget(budget).open().await.unwrap();
    run.execute(asks("asks", 2), ()).await.unwrap();
    let faults = first(Fault::BurnBudget);
    let burnt =
        run.execute(FaultyAgent::new(asks("asks again", 1), &faults), ()).await.unwrap_err();
    assert_eq!(burnt.class(), Class::BudgetExhausted);
    let left = Budget { calls: 0, cost_micros: u64::MAX, tokens: 0 };
    assert_eq!(run.context().remaining(), left);
    assert!(faults.injected()[0].is_over);
}

#[tokio::test(start_paused = true)]
async fn a_budget_without_a_limit_cannot_be_burnt() {
    let faults = first(Fault::BurnBudget);
    let run = Run::builder("test").open().await.unwrap();
    let agent = FaultyAgent::new(works(&Arc::default()), &faults);
    let AgentError::Failed { source, .. } = run.execute(agent, 1).await.unwrap_err() else {
        panic!("it fails otherwise")
    };
    assert_eq!(source.downcast_ref(), Some(&InjectedError::NothingToBurn { call: 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_no_call_has_met_is_noticed() {
    let faults = Faults::new(FaultSchedule::at([(0, Fault::Transient), (4, Fault::Panic)]));
    let run = Run::builder("test").open().await.unwrap();
    let agent = FaultyAgent::new(works(&Arc::default()), &faults);
    run.execute(agent, 1).await.unwrap_err();
    let missed = faults.verify().unwrap_err();
    assert_eq!(missed.to_string(), "there were 1 calls, and none met with a panic (call 4)");
}

#[test]
fn a_seed_decides_the_fault_of_each_call() {
    let faults = |seed, calls| FaultSchedule::seeded(seed, calls, &Fault::ALL);
    let all = faults(7, 1000);
    assert_eq!(all, faults(7, 1000));
    assert_ne!(all, faults(8, 1000));
    // What comes later changes nothing of what came before.
    let few = faults(7, 10);
    assert!((0..10).all(|call| few.fault(call) == all.fault(call)));
    assert!((250..420).contains(&all.faults().len()), "{} faults", all.faults().len());
    for fault in Fault::ALL {
        assert!(all.faults().values().any(|other| *other == fault), "{fault} never comes");
    }
    assert!(FaultSchedule::seeded(7, 1000, &[]).faults().is_empty());
}

#[test]
fn a_schedule_is_printed_as_it_is_written() {
    let schedule = FaultSchedule::at([(4, Fault::Panic), (0, Fault::LostAnswer)]);
    assert_eq!(
        schedule.to_string(),
        "FaultSchedule::at([(0, Fault::LostAnswer), (4, Fault::Panic)])"
    );
    let json = serde_json::to_string(&schedule).unwrap();
    assert_eq!(json, r#"{"0":"lost_answer","4":"panic"}"#);
    assert_eq!(serde_json::from_str::<FaultSchedule>(&json).unwrap(), schedule);
}

/// Two calls of a service with an effect, by an agent that may be faulty.
fn pays(process: &Process) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    let process = process.clone();
    agent_fn("pays", move |n: u64, cx| {
        let process = process.clone();
        async move {
            let first = process.clone();
            let n = cx.step("first", Effect::Idempotent, n, |n, step| async move {
                first.perform(&step, || Ok(n + 1)).await
            });
            let n = n.await?;
            cx.step("second", Effect::Idempotent, n, |n, step| async move {
                process.perform(&step, || Ok(n + 1)).await
            })
            .await
        }
    })
}

#[tokio::test(start_paused = true)]
async fn crashes_and_faults_that_end_lead_to_the_same_end() {
    for seed in 0..20 {
        let schedule = FaultSchedule::seeded(seed, 4, &Fault::ENDING);
        let build = move |process: Process| {
            let faults = process.world().keep("faults", || Faults::new(schedule.clone()));
            FaultyAgent::new(pays(&process), &faults)
        };
        let budget = Budget { calls: 5, ..Budget::ZERO };
        let test = CrashTest::new(build).with_input(1).with_seed(seed);
        test.with_run(move |run, _| run.with_budget(budget)).run().await.unwrap();
    }
}

#[tokio::test]
async fn a_faulty_agent_has_the_keys_of_its_agent() {
    let journal = MemoryJournal::new();
    let budget = Budget { calls: 1, ..Budget::ZERO };
    let open = || Run::builder("test").with_journal(journal.clone()).with_budget(budget);
    let agent = || {
        agent_fn("agent", |(): (), cx| async move {
            cx.step("step", Effect::Idempotent, (), |(), _| async move { Ok(()) }).await
        })
    };
    let burns = first(Fault::BurnBudget);
    open().open().await.unwrap().execute(FaultyAgent::new(agent(), &burns), ()).await.unwrap();
    let run = open().open().await.unwrap();
    run.execute(agent(), ()).await.unwrap();
    assert_eq!(run.stats().steps_replayed, 1);
}
