//! What a run tells through `tracing`: spans of its own, and events by the sink.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use maniple_core::{
    AgentError, Budget, Effect, Progress, Run, RunBuilder, RunContext, Scope, TracingSink, agent_fn,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::common::open;

type Fields = BTreeMap<&'static str, String>;

/// What was told: spans as they are when they end, and events.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    what: &'static str,
    level: &'static str,
    fields: Fields,
    /// The path of the span around it.
    inside: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Collect(Arc<Mutex<Vec<Told>>>);

struct Seen(Fields);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut seen = Seen(Fields::new());
        attributes.record(&mut seen);
        cx.span(id).unwrap().extensions_mut().insert(seen.0);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let span = cx.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        let fields = extensions.get_mut::<Fields>().unwrap();
        let mut seen = Seen(std::mem::take(fields));
        values.record(&mut seen);
        *fields = seen.0;
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut seen = Seen(Fields::new());
        event.record(&mut seen);
        let inside = cx.event_span(event).and_then(|span| path(&span));
        let level = event.metadata().level().as_str();
        self.0.lock().unwrap().push(Told { what: "event", level, fields: seen.0, inside });
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let span = cx.span(&id).unwrap();
        let inside = span.parent().and_then(|parent| path(&parent));
        let fields = span.extensions().get::<Fields>().unwrap().clone();
        let (what, level) = (span.name(), span.metadata().level().as_str());
        self.0.lock().unwrap().push(Told { what, level, fields, inside });
    }
}

fn path<S: for<'a> LookupSpan<'a>>(
    span: &tracing_subscriber::registry::SpanRef<'_, S>,
) -> Option<String> {
    span.extensions().get::<Fields>()?.get("maniple.path").cloned()
}

/// What an agent and its run tell. Everything runs on this thread.
async fn told<F, Fut>(builder: RunBuilder, work: F) -> Vec<Told>
where
    F: Fn(RunContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
{
    let collect = Collect::default();
    let subscriber = Registry::default().with(collect.clone());
    let _alone = crate::ALONE.lock().await;
    let _guard = tracing::subscriber::set_default(subscriber);
    let run = open(builder).await;
    let _ = run.execute(agent_fn("agent", move |(), cx| work(cx)), ()).await;
    run.quiesce().await;
    drop(run);
    let told = collect.0.lock().unwrap().clone();
    told.into_iter().filter(|told| told.fields.contains_key("maniple.path")).collect()
}

fn spans(told: &[Told]) -> Vec<&Told> {
    told.iter().filter(|told| told.what != "event").collect()
}

fn events(told: &[Told]) -> Vec<(&str, &str, Option<&str>)> {
    let events = told.iter().filter(|told| told.what == "event");
    events
        .map(|told| (&*told.fields["maniple.event"], told.level, told.inside.as_deref()))
        .collect()
}

fn field<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    told.fields.get(name).map(String::as_str)
}

/// Two steps, of which the second fails with a text that nobody should read.
async fn asks(cx: RunContext) -> Result<(), AgentError> {
    cx.progress(|| Progress { message: "secret plan".into(), done: 1, total: Some(2) });
    let ask = Effect::Idempotent.reserving(Budget::tokens(100));
    cx.step("ask", ask, "secret input", |_, step| async move {
        step.spend(Budget { tokens: 42, cost_micros: 7, calls: 1 });
        tracing::info!("maniple.path" = "the host's", "maniple.event" = "of the host");
        Ok("secret output".to_owned())
    })
    .await?;
    cx.step("fail", Effect::Pure, (), |(), _| async {
        Err::<(), _>(AgentError::permanent("secret error"))
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn agents_and_steps_are_spans_without_a_sink() {
    let told = told(Run::builder("spans"), asks).await;
    let [ask, fail, agent] = &spans(&told)[..] else { panic!("{told:#?}") };
    for (span, name, path) in [
        (ask, "step", "/agent/ask"),
        (fail, "step", "/agent/fail"),
        (agent, "invoke_agent", "/agent"),
    ] {
        assert_eq!((span.what, span.level), (name, "DEBUG"));
        assert_eq!(field(span, "maniple.path"), Some(path));
        assert!(field(span, "maniple.run.id").is_some());
    }
    assert_eq!((ask.inside.as_deref(), agent.inside.as_deref()), (Some("/agent"), None));

    assert_eq!(field(agent, "gen_ai.operation.name"), Some("invoke_agent"));
    assert_eq!(field(agent, "gen_ai.agent.name"), Some("agent"));
    assert_eq!(field(agent, "otel.name"), Some("invoke_agent agent"));
    assert_eq!(field(ask, "maniple.step.effect"), Some("idempotent"));
    assert_eq!(field(ask, "maniple.usage.tokens"), Some("42"));
    assert_eq!(field(ask, "maniple.usage.cost_micros"), Some("7"));
    assert_eq!(field(ask, "error.type"), None);
    for failed in [fail, agent] {
        assert_eq!(field(failed, "error.type"), Some("permanent"));
        assert_eq!(field(failed, "otel.status_code"), Some("ERROR"));
    }
    let told_by_the_run = events(&told);
    assert_eq!(
        told_by_the_run,
        [("of the host", "INFO", Some("/agent/ask"))],
        "the host's own events stand in the spans, and there are no others"
    );
}

#[tokio::test(start_paused = true)]
async fn the_sink_tells_each_event_once_in_its_span() {
    let told = told(Run::builder("sink").with_sink(TracingSink::new()), asks).await;
    assert_eq!(
        events(&told),
        [
            ("opened", "DEBUG", None),
            ("started", "DEBUG", Some("/agent")),
            ("progress", "DEBUG", Some("/agent")),
            ("step_started", "DEBUG", Some("/agent/ask")),
            ("of the host", "INFO", Some("/agent/ask")),
            ("step_finished", "DEBUG", Some("/agent/ask")),
            ("step_started", "DEBUG", Some("/agent/fail")),
            ("step_finished", "WARN", Some("/agent/fail")),
            ("finished", "WARN", Some("/agent")),
        ]
    );
    let find = |event: &str, path: &str| {
        let is_it = |told: &&Told| {
            field(told, "maniple.event") == Some(event) && field(told, "maniple.path") == Some(path)
        };
        told.iter().find(is_it).unwrap()
    };
    let finished = find("step_finished", "/agent/ask");
    assert_eq!(field(finished, "maniple.usage.calls"), Some("1"));
    assert_eq!(field(finished, "maniple.step.duration"), Some("0.0"));
    assert_eq!(field(find("step_finished", "/agent/fail"), "error.type"), Some("permanent"));
    assert_eq!(field(find("progress", "/agent"), "maniple.progress.total"), Some("2"));
    assert_eq!(field(find("opened", "/"), "maniple.run.name"), Some("sink"));
}

#[tokio::test(start_paused = true)]
async fn no_input_output_or_text_is_told_unless_texts_are_asked_for() {
    let quiet = told(Run::builder("quiet").with_sink(TracingSink::new()), asks).await;
    assert!(!format!("{quiet:?}").contains("secret"), "{quiet:#?}");
    let sink = TracingSink::new().with_texts();
    let told = told(Run::builder("texts").with_sink(sink), asks).await;
    let of = |name| told.iter().filter_map(|told| field(told, name)).collect::<Vec<_>>();
    assert_eq!(of("exception.message"), ["secret error", "secret error"]);
    assert_eq!(of("maniple.progress.message"), ["secret plan"]);
    let told = format!("{told:?}");
    assert!(!told.contains("secret input") && !told.contains("secret output"));
}

#[tokio::test(start_paused = true)]
async fn trouble_is_a_warning_and_waiting_is_none() {
    let sink = || Run::builder("trouble").with_sink(TracingSink::new());
    let budget = Budget { tokens: 100, ..Budget::UNLIMITED };
    let low = told(sink().with_budget(budget), |cx| async move {
        let most = Effect::Pure.reserving(Budget::tokens(90));
        cx.step("ask", most, (), |(), _| async { Ok(()) }).await
    })
    .await;
    let low = low.iter().find(|told| field(told, "maniple.event") == Some("budget_low")).unwrap();
    assert_eq!((low.level, field(low, "maniple.remaining.tokens")), ("WARN", Some("10")));
    assert_eq!(field(low, "maniple.remaining.calls"), None, "without a limit there is no amount");

    let builder = sink().with_journal(maniple_core::MemoryJournal::new());
    let waits = told(builder, |cx| async move { cx.signal::<()>("go").await }).await;
    let finished: Vec<_> = events(&waits).into_iter().filter(|(e, ..)| *e == "finished").collect();
    assert_eq!(finished, [("finished", "DEBUG", Some("/agent"))]);
    assert!(waits.iter().all(|told| field(told, "error.type").is_none()), "{waits:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_of_many_has_no_name_and_a_dropped_agent_ends_its_span() {
    let told = told(Run::builder("many"), |cx| async move {
        let mut scope = Scope::open(&cx)?;
        let many = scope.child_at(7);
        scope.spawn(many, |_| async { Ok(()) });
        scope.next().await;
        scope.close().await;
        let dropped = cx.child("dropped");
        let never = dropped.invoke(|_| std::future::pending::<Result<(), AgentError>>());
        assert!(never.now_or_never().is_none());
        Ok(())
    })
    .await;
    let names: Vec<_> = spans(&told)
        .into_iter()
        .map(|span| (field(span, "maniple.path").unwrap(), field(span, "gen_ai.agent.name")))
        .collect();
    let expected =
        [("/agent[7]", None), ("/agent/dropped", Some("dropped")), ("/agent", Some("agent"))];
    assert_eq!(names, expected);
}
