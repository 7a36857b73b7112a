//! What a call of a tool tells through `tracing`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use maniple_core::{AgentError, Effect, Run, ToolRegistry, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::common::open;

#[derive(Debug, Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

/// The spans of tools that have ended, each with the name of the span around it.
#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<Vec<(&'static str, Fields)>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ended {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        cx.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let span = cx.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let span = cx.span(&id).unwrap();
        if span.name() == "execute_tool" {
            let around = span.parent().map_or("", |parent| parent.name());
            let fields = span.extensions().get::<Fields>().unwrap().clone();
            self.0.lock().unwrap().push((around, fields));
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    #[serde(default)]
    again: bool,
}

#[tokio::test(start_paused = true)]
async fn a_tool_at_work_is_a_span_by_the_names_of_the_conventions() {
    let _alone = crate::ALONE.lock().await;
    let ended = Ended::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(ended.clone()));
    let search = tool_fn("search", "Finds notes.", Effect::Pure, |args: Search, _| async move {
        if args.again { Err(AgentError::permanent("secret")) } else { Ok("secret") }
    });
    let tools = ToolRegistry::builder().with(search).build().unwrap();
    let run = open(Run::builder("traced")).await;
    let cx = run.context();
    assert!(tools.call(&cx, "search", json!({})).await.unwrap().is_success());
    assert!(!tools.call(&cx, "search", json!({ "again": true })).await.unwrap().is_success());
    // Nothing works where a call is refused.
    assert!(!tools.call(&cx, "search", json!([])).await.unwrap().is_success());

    let ended = ended.0.lock().unwrap().clone();
    let [(around, worked), (_, failed)] = &ended[..] else { panic!("{ended:#?}") };
    assert_eq!(*around, "step");
    for (name, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "search"),
        ("gen_ai.tool.description", "Finds notes."),
        ("gen_ai.tool.type", "function"),
        ("otel.name", "execute_tool search"),
        ("maniple.path", "/search"),
        ("maniple.run.id", run.id().as_str()),
    ] {
        assert_eq!(worked.0.get(name).map(String::as_str), Some(value), "{name}");
    }
    // The model is answered, so that the step has not failed; the tool has.
    assert_eq!(worked.0.get("error.type"), None);
    assert_eq!(failed.0["error.type"], "permanent");
    assert_eq!(failed.0["otel.status_code"], "ERROR");
    assert!(!format!("{ended:?}").contains("secret"));
}
