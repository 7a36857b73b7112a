use maniple_core::{AgentError, Effect, Key, MemoryJournal, agent_fn};
use maniple_orchestration::{Saga, StepState};

use crate::world::*;

fn inner() -> Saga<u64, u64> {
    let mut inner = Saga::builder("inner");
    let step = inner
        .step("x")
        .run(Effect::Idempotent, |n: u64, (), _| async move { Ok(n) })
        .undo(|_, _| async { Ok(()) });
    inner.build(step).unwrap()
}

/// A diamond with a saga and an agent in it, whose last step ends like that.
fn saga(fails: bool) -> Saga<u64, ()> {
    let mut saga = Saga::builder("saga");
    let first = saga
        .step("first \"of\" [all]")
        .run(Effect::Pure, |n: u64, (), _| async move { Ok(n) })
        .nothing_to_undo();
    let inner = saga.step("sub").after(first).saga(inner(), |n, ()| n);
    let agent = agent_fn("agent", |n: u64, _cx| async move { Ok(n) });
    let agent = saga
        .step("agent")
        .after(first)
        .agent(Effect::Idempotent, agent, |n, ()| n)
        .undo(|_, _| async { Ok(()) });
    saga.step("last")
        .after(inner)
        .after(agent)
        .run(Effect::Irreversible, move |_, (), _| async move {
            if fails { Err(AgentError::permanent("no")) } else { Ok(1) }
        })
        .cannot_undo();
    saga.build(()).unwrap()
}

async fn states(fails: bool) -> Vec<StepState> {
    let journal = MemoryJournal::new();
    let result = open(&journal).await.execute(saga(fails), 5).await;
    assert_eq!(result.is_err(), fails);
    let status = saga(fails).status(&Key::new("/saga"), &journal.records());
    status.into_iter().map(|status| status.state).collect()
}

#[tokio::test]
async fn the_status_of_every_kind_of_step_is_read_from_the_journal() {
    use StepState::{Done, Failed, Undone};
    assert_eq!(states(false).await, [Done; 6]);
    let undone = [Undone, Undone, Undone, Undone, Undone, Failed];
    assert_eq!(states(true).await, undone);
}

#[test]
fn it_is_drawn() {
    let saga = saga(false);
    let dot = saga.to_dot(&[]);
    let lines: Vec<&str> = dot.lines().collect();
    assert_eq!(lines[0], "digraph \"saga\" {");
    let first =
        "  \"first \\\"of\\\" [all]\" [label=\"first \\\"of\\\" [all]\", fillcolor=\"#ffffff\"];";
    assert!(lines.contains(&first), "{dot}");
    assert!(lines.contains(&"  \"sub/\" -> \"sub/x\";"), "{dot}");
    assert!(lines.contains(&"  \"sub\" -> \"last\";"), "{dot}");

    let mermaid = saga.to_mermaid(&saga.status(&Key::new("/saga"), []));
    let lines: Vec<&str> = mermaid.lines().collect();
    assert_eq!(lines[0], "flowchart LR");
    assert_eq!(lines[1], "  s0[\"first #34;of#34; [all]<br/>waiting\"]:::waiting");
    assert!(lines.contains(&"  s5[\"last<br/>cannot be taken back<br/>waiting\"]:::waiting"));
    assert!(lines.contains(&"  s4 --> s5"), "{mermaid}");
    assert_eq!(lines.last(), Some(&"  classDef waiting fill:#ffffff"));
}
