//! That no secret reaches the files of a store, wherever it is put.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_bundles::{
    Action, BundleError, ContextBundle, Filter, History, MergePolicy, Meta, Point, TaskStatus,
};
use maniple_core::{
    AgentError, Class, Effect, Fact, Journal, JournalError, Key, Outcome, Record, RecordedError,
    Run, agent_fn,
};

use crate::world::{World, exported, files_below, meta, note, payload};

/// It is put together here, so that nobody takes it for one that leaked.
fn secret() -> String {
    format!("ghp_{}", "a1B2c3D4e5F6".repeat(3))
}

const MARK: &str = "[redacted:github-token]";

/// Searches all files for the secret, and for what of it alone could be told again.
fn assert_clean(dir: &Path) {
    let secret = secret();
    for path in files_below(dir) {
        let content = std::fs::read(&path).unwrap();
        let found = content.windows(12).any(|part| part == &secret.as_bytes()[4..16]);
        assert!(!found, "{} has the secret", path.display());
    }
}

/// What a bundle says is what a remount finds, and no file has the secret.
async fn check(world: &World, bundle: ContextBundle) -> ContextBundle {
    let (id, state) = (bundle.id(), bundle.state().clone());
    let entries = bundle.actions().await.unwrap();
    bundle.snapshot().await.unwrap();
    assert_clean(world.dir());
    drop(bundle);
    assert_clean(world.dir());
    // Also where the state is not read from the snapshot.
    std::fs::remove_file(world.dir().join(id.to_string()).join("snapshot.json")).unwrap();
    let again = world.sessions.remount(id).await.unwrap();
    assert_eq!(*again.state(), state);
    assert_eq!(again.actions().await.unwrap(), entries);
    again
}

#[tokio::test]
async fn no_action_brings_a_secret_to_the_disk() {
    let world = World::in_files();
    let text = format!("use {} for it", secret());
    let long = format!("{}{}{}", "x".repeat(6000), secret(), "y".repeat(6000));
    let tags: BTreeSet<String> = [secret()].into();
    let outcome = |outcome| Action::ToolCall {
        tool: text.clone(),
        arguments: payload(&vec![text.as_str()]),
        outcome,
    };
    let error = RecordedError { class: Class::Permanent, text: text.as_str().into() };
    let actions = [
        note(&text),
        note(&long),
        Action::Set { key: "k".into(), value: payload(&text) },
        Action::Set { key: text.clone(), value: payload(&1) },
        Action::Set { key: "nested".into(), value: payload(&payload(&text).as_str()) },
        Action::Unset { key: text.clone() },
        Action::Task { name: text.clone(), status: TaskStatus::Open, detail: text.clone() },
        outcome(Outcome::Ok(payload(&text))),
        outcome(Outcome::Err(error)),
        Action::Checkpoint { name: text.clone() },
        Action::Tagged { add: tags.clone(), remove: tags },
        Action::Result { value: payload(&text) },
        Action::Error { text: text.clone() },
    ];
    for action in actions {
        let bundle = world.sessions.create(meta()).await.unwrap();
        bundle.append(action.clone()).await.unwrap();
        let written = bundle.actions().await.unwrap().pop().unwrap().action;
        let written = format!("{written:?}");
        assert!(written.contains(MARK), "{written}");
        check(&world, bundle).await.compact(History::Drop).await.unwrap();
        assert_clean(world.dir());
    }
}

#[tokio::test]
async fn a_value_is_without_its_secret_before_and_after_a_remount() {
    let world = World::in_files();
    let bundle = world.sessions.create(meta()).await.unwrap();
    bundle.set("k", &format!("use {}", secret())).await.unwrap();
    let login = serde_json::json!({ "user": "me", "password": "hunter2-a1B2c3D4e5F6" });
    bundle.set("login", &login).await.unwrap();
    let values = |bundle: &ContextBundle| {
        let login = bundle.get::<serde_json::Value>("login").unwrap().unwrap();
        (
            bundle.get::<String>("k").unwrap().unwrap(),
            login["password"].as_str().unwrap().to_owned(),
        )
    };
    let expected = (format!("use {MARK}"), "[redacted:password]".to_owned());
    assert_eq!(values(&bundle), expected);
    assert_eq!(values(&check(&world, bundle).await), expected);
}

#[tokio::test]
async fn a_value_whose_key_says_that_it_is_a_secret_is_none_on_the_disk() {
    let world = World::in_files();
    let bundle = world.sessions.create(meta()).await.unwrap();
    for (key, value, expected) in [
        ("password", "hunter2-a1B2c3D4e5F6", "[redacted:password]"),
        ("API-Key", "a1B2c3D4e5F6", "[redacted:api_key]"),
        ("password", "", ""),
        ("word", "hunter2", "hunter2"),
    ] {
        bundle.set(key, value).await.unwrap();
        assert_eq!(bundle.get::<String>(key).unwrap().unwrap(), expected);
    }
    let fork = bundle.fork(Point::End, meta()).await.unwrap();
    bundle.set("secret", "ours").await.unwrap();
    fork.set("secret", "theirs").await.unwrap();
    let decide = |_: &_| Some(payload("hunter2-a1B2c3D4e5F6"));
    bundle.merge(&fork.view(), MergePolicy::Custom(Box::new(decide))).await.unwrap();
    assert_eq!(bundle.get::<String>("secret").unwrap().unwrap(), "[redacted:secret]");
    check(&world, bundle).await;
    for path in files_below(world.dir()) {
        let content = std::fs::read(&path).unwrap();
        assert!(!content.windows(12).any(|part| part == b"a1B2c3D4e5F6"), "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_said_of_a_session_has_no_secret() {
    let world = World::in_files();
    let told = |name: &str| {
        let meta = Meta::new(format!("{name} {}", secret())).with_label("k", secret());
        meta.with_label("API-Key", "it looks like a1B2c3D4 any word").with_label("secret", "")
    };
    let bundle = world.sessions.create(told("a")).await.unwrap();
    let clean = Meta::new(format!("a {MARK}")).with_label("k", MARK);
    let clean = clean.with_label("API-Key", "[redacted:api_key]").with_label("secret", "");
    assert_eq!(bundle.meta(), &clean);
    assert_eq!(bundle.fork(Point::End, clean.clone()).await.unwrap().meta(), &clean);
    bundle.append(note("a")).await.unwrap();
    let fork = bundle.fork(Point::End, told("fork")).await.unwrap();
    assert_eq!(fork.meta().label("k"), Some(MARK));
    let opened = world.sessions.open_or_create(told("opened")).await.unwrap();
    let opened = { opened }.id();
    assert_eq!(world.sessions.open_or_create(told("opened")).await.unwrap().id(), opened);
    let id = check(&world, bundle).await.id();
    assert_clean(world.dir());
    world.sessions.delete(id, format!("it had {}", secret())).await.unwrap();
    assert_eq!(world.sessions.deleted().await.unwrap()[0].reason, format!("it had {MARK}"));
    assert_clean(world.dir());
    let list = world.sessions.list(&Filter::all()).await.unwrap();
    assert!(list.iter().all(|summary| !format!("{summary:?}").contains("a1B2c3D4")));
}

#[tokio::test]
async fn a_merge_brings_no_secret() {
    let world = World::in_files();
    let bundle = world.sessions.create(meta()).await.unwrap();
    bundle.set("k", &1).await.unwrap();
    let fork = bundle.fork(Point::End, meta()).await.unwrap();
    bundle.set("k", &2).await.unwrap();
    fork.set("k", &3).await.unwrap();
    let decide = MergePolicy::Custom(Box::new(|_| Some(payload(&secret()))));
    let merge = bundle.merge(&fork.view(), decide).await.unwrap();
    let marked = Some(payload(MARK));
    assert_eq!((&merge.values["k"], &merge.conflicts[0].merged), (&marked, &marked));
    assert_eq!(bundle.get::<String>("k").unwrap().unwrap(), MARK);
    let bundle = check(&world, bundle).await;
    assert_eq!(bundle.get::<String>("k").unwrap().unwrap(), MARK);
    let text = exported(&bundle.view()).await;
    assert!(!String::from_utf8(text).unwrap().contains(&secret()));
}

fn record(key: &str, fact: Fact) -> Record {
    Record { key: Key::new(key), worked: Duration::ZERO, fact }
}

#[tokio::test]
async fn what_a_run_counts_on_is_refused_by_the_name_of_the_secret() {
    let facts = [
        record("/a:x", Fact::Decided { value: payload(&secret()) }),
        record("/a!s", Fact::Delivered { value: payload(&secret()) }),
        record(&format!("/a/{}", secret()), Fact::Awaited),
        record(&format!("/a/{}", secret()), Fact::Abandoned),
    ];
    for refused in facts {
        let world = World::in_files();
        let bundle = world.sessions.create(meta()).await.unwrap();
        let before = record("/a:b", Fact::Decided { value: payload(&1) });
        Journal::append(&bundle, before.clone()).await.unwrap();
        let error = Journal::append(&bundle, refused.clone()).await.unwrap_err();
        let JournalError::Stopped { source } = &error else { panic!("{error}") };
        assert!(source.to_string().contains("github-token"), "{error}");
        assert!(!error.to_string().contains(&secret()[4..]), "{error}");
        let late = Journal::append(&bundle, before.clone()).await.unwrap_err();
        assert!(matches!(late, JournalError::Stopped { .. }), "{late}");
        let error = ContextBundle::append(&bundle, refused).await.unwrap_err();
        let BundleError::Secret { found } = &error else { panic!("{error}") };
        assert_eq!(found, &["github-token"]);
        bundle.append(note("on")).await.unwrap();
        assert_eq!(check(&world, bundle).await.load().await.unwrap(), [before]);
    }
}

#[tokio::test]
async fn a_withheld_output_is_made_again_where_it_may_be_and_parks_where_not() {
    for (effect, may_repeat) in [(Effect::Pure, true), (Effect::Irreversible, false)] {
        let world = World::in_files();
        let logins = Arc::new(AtomicUsize::new(0));
        let agent = || {
            let logins = Arc::clone(&logins);
            agent_fn("login", move |(): (), cx| {
                let logins = Arc::clone(&logins);
                async move {
                    let log_in = async move |(), _| {
                        logins.fetch_add(1, Ordering::SeqCst);
                        Ok(secret())
                    };
                    let token: String = cx.step("token", effect, (), log_in).await?;
                    let (): () = cx.signal("go").await?;
                    Ok(token.len())
                }
            })
        };
        let bundle = Arc::new(world.sessions.create(meta()).await.unwrap());
        let run = Run::builder("r").with_journal(Arc::clone(&bundle)).open().await.unwrap();
        let stopped = run.execute(agent(), ()).await.unwrap_err();
        assert!(matches!(stopped, AgentError::Suspended { .. }), "{stopped}");
        run.deliver(&run.awaited_signals()[0], &()).await.unwrap();
        // The process that did it knows the output.
        assert_eq!(run.execute(agent(), ()).await.unwrap(), secret().len());
        assert_eq!(logins.load(Ordering::SeqCst), 1);
        let records = bundle.load().await.unwrap();
        let is_delivery = |record: &Record| matches!(record.fact, Fact::Delivered { .. });
        let delivered = records.iter().position(is_delivery).unwrap();
        let fork = bundle.fork(u64::try_from(delivered).unwrap(), meta()).await.unwrap();
        drop(run);
        let withheld = records.iter().filter(|record| {
            matches!(&record.fact, Fact::Receipt { outcome: Outcome::Withheld, .. })
        });
        assert_eq!(withheld.count(), 1);
        drop(check(&world, Arc::into_inner(bundle).unwrap()).await);

        let bundle = Arc::new(check(&world, fork).await);
        let run = Run::builder("r").with_journal(Arc::clone(&bundle)).open().await.unwrap();
        let resumed = run.execute(agent(), ()).await;
        if may_repeat {
            assert!(matches!(resumed, Err(AgentError::Suspended { .. })), "{resumed:?}");
            assert_eq!(logins.load(Ordering::SeqCst), 2);
        } else {
            assert!(matches!(resumed, Err(AgentError::Parked { .. })), "{resumed:?}");
            assert_eq!(logins.load(Ordering::SeqCst), 1);
        }
        assert_clean(world.dir());
    }
}

#[tokio::test]
async fn a_failure_is_recorded_without_the_secret_in_its_text() {
    let world = World::in_files();
    let bundle = Arc::new(world.sessions.create(meta()).await.unwrap());
    let agent = || {
        agent_fn("login", |(): (), cx| async move {
            cx.step("token", Effect::Idempotent, (), async |(), _| {
                Err::<u8, _>(AgentError::permanent(format!("{} was refused", secret())))
            })
            .await
        })
    };
    let run = Run::builder("r").with_journal(Arc::clone(&bundle)).open().await.unwrap();
    run.execute(agent(), ()).await.unwrap_err();
    drop(run);
    let bundle = Arc::new(check(&world, Arc::into_inner(bundle).unwrap()).await);
    let run = Run::builder("r").with_journal(Arc::clone(&bundle)).open().await.unwrap();
    let error = run.execute(agent(), ()).await.unwrap_err();
    assert_eq!(
        (error.class(), error.to_string()),
        (Class::Permanent, format!("{MARK} was refused"))
    );
}
