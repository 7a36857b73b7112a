//! What a context may do, and what it carries of the host's own.

use maniple_core::{
    AgentError, Class, Effect, MemoryJournal, Permissions, Run, RunContext, agent_fn,
};
use proptest::prelude::*;

use crate::common::{cases, open, reopen};

const EFFECTS: [Effect; 4] =
    [Effect::Pure, Effect::Idempotent, Effect::Reversible, Effect::Irreversible];
const TOOLS: [&str; 4] = ["read", "write", "search", "shell"];

async fn step(cx: &RunContext, effect: Effect) -> Result<Effect, AgentError> {
    let name = effect.to_string();
    cx.step(&name, effect, (), move |(), _| async move { Ok(effect) }).await
}

#[tokio::test(start_paused = true)]
async fn a_step_beyond_the_highest_effect_is_not_permitted_and_does_not_run() {
    for highest in EFFECTS {
        let permissions = Permissions::all().with_highest_effect(highest);
        let run = open(Run::builder("effects").with_permissions(permissions)).await;
        for effect in EFFECTS {
            let before = run.stats().steps_run;
            let result = step(&run.context(), effect).await;
            if effect <= highest {
                assert_eq!(result.unwrap(), effect);
                continue;
            }
            let error = result.unwrap_err();
            let AgentError::NotPermitted { key, wanted, allowed } = &error else {
                panic!("{error}");
            };
            assert_eq!(key.as_str(), format!("/{effect}"));
            assert_eq!((&**wanted, &**allowed), (&*effect.to_string(), &*highest.to_string()));
            assert_eq!(error.class(), Class::Permanent);
            assert_eq!(run.stats().steps_run, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_step_is_answered_whatever_is_permitted_now() {
    let journal = MemoryJournal::new();
    step(&reopen(&journal).await.context(), Effect::Irreversible).await.unwrap();
    let permissions = Permissions::all().with_highest_effect(Effect::Pure);
    let builder = Run::builder("again").with_journal(journal);
    let run = open(builder.with_permissions(permissions)).await;
    assert_eq!(step(&run.context(), Effect::Irreversible).await.unwrap(), Effect::Irreversible);
    assert_eq!(run.stats().steps_replayed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_may_do_what_its_parent_may_and_no_more() {
    let parent = Permissions::all().with_highest_effect(Effect::Idempotent).with_tools(["read"]);
    let run = open(Run::builder("child").with_permissions(parent.clone())).await;
    let cx = run.context();
    assert_eq!(cx.child("plain").permissions(), &parent);
    let wide = cx.child("wide").with_permissions(&Permissions::all());
    assert_eq!(wide.permissions(), &parent);
    let pure = Permissions::all().with_highest_effect(Effect::Pure);
    let narrow = cx.child("narrow").with_permissions(&pure);
    assert!(step(&narrow, Effect::Idempotent).await.is_err());
    assert!(step(&narrow.child("below"), Effect::Idempotent).await.is_err());
    assert!(step(&cx, Effect::Idempotent).await.is_ok());
}

fn some_permissions() -> impl Strategy<Value = Permissions> {
    let tools = prop::option::of(prop::sample::subsequence(TOOLS.to_vec(), 0..=TOOLS.len()));
    (tools, prop::sample::select(EFFECTS.to_vec())).prop_map(|(tools, effect)| {
        let permissions = Permissions::all().with_highest_effect(effect);
        match tools {
            Some(tools) => permissions.with_tools(tools),
            None => permissions,
        }
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn intersect_permits_what_both_permit(a in some_permissions(), b in some_permissions()) {
        let both = a.intersect(&b);
        for tool in TOOLS {
            prop_assert_eq!(both.allows_tool(tool), a.allows_tool(tool) && b.allows_tool(tool));
        }
        prop_assert_eq!(both.highest_effect(), a.highest_effect().min(b.highest_effect()));
        prop_assert_eq!(&b.intersect(&a), &both);
        prop_assert_eq!(&a.intersect(&both), &both);
        prop_assert_eq!(&a.intersect(&Permissions::all()), &a);
    }
}

#[test]
fn permissions_only_ever_become_narrower() {
    let permissions =
        Permissions::all().with_tools(["read", "write"]).with_tools(["write", "shell"]);
    assert_eq!(TOOLS.map(|tool| permissions.allows_tool(tool)), [false, true, false, false]);
    let effect = permissions.with_highest_effect(Effect::Idempotent);
    let effect = effect.with_highest_effect(Effect::Irreversible).highest_effect();
    assert_eq!(effect, Effect::Idempotent);
}

#[derive(Debug, PartialEq)]
struct Tenant(&'static str);

#[derive(Debug, PartialEq)]
struct Locale(&'static str);

#[tokio::test(start_paused = true)]
async fn an_extension_reaches_every_context_below_where_it_was_given() {
    let run = open(Run::builder("extensions").with_extension(Tenant("a"))).await;
    let cx = run.context();
    assert_eq!(cx.child("x").child_at(3).extension(), Some(&Tenant("a")));
    assert_eq!(cx.extension::<Locale>(), None);
    let below = cx.child("b").with_extension(Locale("de")).with_extension(Tenant("b"));
    assert_eq!(below.child("c").extension(), Some(&Tenant("b")));
    assert_eq!(below.extension(), Some(&Locale("de")));
    // The context above is as it was.
    assert_eq!((cx.extension(), cx.extension::<Locale>()), (Some(&Tenant("a")), None));
    let agent = agent_fn("tenant", |(), cx: RunContext| async move {
        Ok(cx.extension::<Tenant>().map(|tenant| tenant.0))
    });
    assert_eq!(run.execute(agent, ()).await.unwrap(), Some("a"));
}
