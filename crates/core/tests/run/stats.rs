//! What a run counts, and which of its steps it knows to be done.

use maniple_core::{
    AgentError, Effect, Key, MemoryJournal, Reconciled, Run, RunContext, RunId, RunStats, agent_fn,
    reconciler_fn,
};

use crate::common::{open, reopen};

/// Two steps of its own and a branch of two more, of which it takes the first ones only.
async fn work(cx: RunContext, steps: usize) -> Result<(), AgentError> {
    cx.step("first", Effect::Idempotent, (), |(), _| async { Ok(()) }).await?;
    let branch = cx.child("branch");
    let inner = branch.clone();
    let body = |()| async move {
        for step in ["a", "b"].iter().take(steps) {
            inner.step(step, Effect::Pure, (), |(), _| async { Ok(()) }).await?;
        }
        if steps < 2 { Err(AgentError::transient("not all of it")) } else { Ok(()) }
    };
    branch.branch((), body).await
}

async fn execute(journal: &MemoryJournal, steps: usize) -> (Run, Result<(), AgentError>) {
    let run = reopen(journal).await;
    let agent = agent_fn("agent", move |(), cx| work(cx, steps));
    let result = run.execute(agent, ()).await;
    (run, result)
}

fn stats(run: &Run) -> [u64; 4] {
    let RunStats { steps_run, steps_replayed, branches_run, branches_replayed, .. } = run.stats();
    [steps_run, steps_replayed, branches_run, branches_replayed]
}

#[tokio::test(start_paused = true)]
async fn each_process_counts_what_it_ran_and_what_it_replayed() {
    let journal = MemoryJournal::new();
    let (run, result) = execute(&journal, 1).await;
    result.unwrap_err();
    assert_eq!(stats(&run), [2, 0, 1, 0]);
    let (run, result) = execute(&journal, 2).await;
    result.unwrap();
    assert_eq!(stats(&run), [1, 2, 1, 0]);
    let (run, result) = execute(&journal, 2).await;
    result.unwrap();
    assert_eq!(stats(&run), [0, 1, 0, 1]);
    assert_eq!((run.stats().in_doubt, run.stats().zombies), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_is_counted_and_its_answer_is_no_run_of_it() {
    let journal = MemoryJournal::new();
    let charge = |cx: RunContext| async move {
        let lost = |(), _| async {
            Err::<u8, _>(AgentError::new(maniple_core::Class::Indeterminate, "lost"))
        };
        cx.step("charge", Effect::Irreversible, (), lost).await
    };
    let run = reopen(&journal).await;
    run.execute(agent_fn("agent", move |(), cx| charge(cx)), ()).await.unwrap_err();
    assert_eq!((run.stats().steps_run, run.stats().in_doubt), (1, 0));
    let answer = reconciler_fn(|_| async { Reconciled::completed(&7_u8).unwrap() });
    let run = open(Run::builder("again").with_journal(journal).with_reconciler(answer)).await;
    let result = run.execute(agent_fn("agent", move |(), cx| charge(cx)), ()).await;
    assert_eq!(result.unwrap(), 7);
    assert_eq!((run.stats().steps_run, run.stats().in_doubt), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_has_a_receipt_is_done_and_nothing_else_is() {
    let journal = MemoryJournal::new();
    let done = |run: &Run| {
        ["/agent/first", "/agent/branch/a", "/agent/branch", "/agent", "/agent/none", "/"]
            .map(|key| run.is_done(&Key::new(key)))
    };
    assert_eq!(done(&reopen(&journal).await), [false; 6]);
    let (run, _) = execute(&journal, 1).await;
    assert_eq!(done(&run), [true, true, false, false, false, false]);
    let run = reopen(&journal).await;
    assert_eq!(
        done(&run),
        [true, true, false, false, false, false],
        "it is known before it is come by"
    );
    let (run, _) = execute(&journal, 2).await;
    assert_eq!(done(&run)[..1], [true]);
    assert_eq!(done(&run)[2..], [true, false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_run_keeps_the_id_and_name_that_it_began_with() {
    let journal = MemoryJournal::new();
    let builder = |name: &str, id: &str| {
        Run::builder(name).with_id(RunId::new(id)).with_journal(journal.clone())
    };
    let first = open(builder("first", "1")).await;
    let second = open(builder("second", "2")).await;
    for run in [&first, &second] {
        assert_eq!((run.name(), run.id().as_str()), ("first", "1"));
        assert_eq!(run.context().run_id(), run.id());
    }
    let (a, b) = (open(Run::builder("a")).await, open(Run::builder("a")).await);
    assert_ne!(a.id(), b.id(), "without an id each run has one of its own");
}
