//! Arguments are accepted exactly where they fit, and what is wrong is said where it is.

use std::collections::{BTreeMap, BTreeSet};

use maniple_core::{Effect, Run, ToolOutcome, ToolOutput, ToolRegistry, ToolResponse, ToolSpec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::common::{cases, paused};
use crate::{Calls, Scripted, only, schema};

/// A naive model of a schema.
#[derive(Debug, Clone)]
enum Shape {
    Bool,
    Int { min: i64, max: i64 },
    Text { longest: usize },
    OneOf(BTreeSet<&'static str>),
    List { of: Box<Shape>, most: usize },
    Object { fields: BTreeMap<&'static str, (Shape, bool)>, is_closed: bool },
}

/// Names that a pointer has to escape, and that it has not.
const NAMES: [&str; 6] = ["a", "b/c", "d~e", "", "0", "ü"];
const WORDS: [&str; 3] = ["red", "green", "blue"];

impl Shape {
    fn schema(&self) -> Value {
        match self {
            Self::Bool => json!({ "type": "boolean" }),
            Self::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::Text { longest } => json!({ "type": "string", "maxLength": longest }),
            Self::OneOf(words) => json!({ "enum": words }),
            Self::List { of, most } => {
                json!({ "type": "array", "items": of.schema(), "maxItems": most })
            }
            Self::Object { fields, is_closed } => {
                let properties: Map<_, _> =
                    fields.iter().map(|(n, (shape, _))| ((*n).into(), shape.schema())).collect();
                let required: Vec<_> =
                    fields.iter().filter(|(_, (_, needed))| *needed).map(|(n, _)| n).collect();
                json!({
                    "type": "object", "properties": properties, "required": required,
                    "additionalProperties": !is_closed,
                })
            }
        }
    }

    /// The paths at which something is wrong.
    fn faults(&self, value: &Value, path: &str, faults: &mut BTreeSet<String>) {
        let fits = match (self, value) {
            (Self::Bool, Value::Bool(_)) => true,
            (Self::Int { min, max }, Value::Number(n)) => {
                n.as_i64().is_some_and(|n| (min..=max).contains(&&n))
            }
            (Self::Text { longest }, Value::String(text)) => text.chars().count() <= *longest,
            (Self::OneOf(words), Value::String(text)) => words.contains(text.as_str()),
            (Self::List { of, most }, Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    of.faults(item, &format!("{path}/{i}"), faults);
                }
                items.len() <= *most
            }
            (Self::Object { fields, is_closed }, Value::Object(members)) => {
                for (name, value) in members {
                    if let Some((shape, _)) = fields.get(name.as_str()) {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        shape.faults(value, &format!("{path}/{name}"), faults);
                    }
                }
                let is_known = |name: &String| fields.contains_key(name.as_str());
                fields.iter().all(|(name, (_, needed))| !needed || members.contains_key(*name))
                    && (!is_closed || members.keys().all(is_known))
            }
            _ => false,
        };
        if !fits {
            faults.insert(path.to_owned());
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Bool),
        (-9..9_i64, 0..9_i64).prop_map(|(min, more)| Shape::Int { min, max: min + more }),
        (0..4_usize).prop_map(|longest| Shape::Text { longest }),
        prop::sample::subsequence(WORDS.to_vec(), 1..=3)
            .prop_map(|words| Shape::OneOf(words.into_iter().collect())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = (inner.clone(), 0..4_usize);
        prop_oneof![
            list.prop_map(|(of, most)| Shape::List { of: Box::new(of), most }),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Shape>) -> impl Strategy<Value = Shape> {
    let field = (prop::sample::select(NAMES.to_vec()), (inner, any::<bool>()));
    (prop::collection::btree_map(field.0, field.1, 0..4), any::<bool>())
        .prop_map(|(fields, is_closed)| Shape::Object { fields, is_closed })
}

fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-20..20_i64).prop_map(Value::from),
        Just(json!(1.5)),
        "[a-zü]{0,6}".prop_map(Value::from),
        prop::sample::select(WORDS.to_vec()).prop_map(Value::from),
        Just(json!([null, 1])),
        Just(json!({ "a": 1, "z": [] })),
    ]
}

/// A value that mostly fits.
fn value(shape: &Shape) -> BoxedStrategy<Value> {
    let fitting = match shape {
        Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Int { min, max } => (min - 1..=max + 1).prop_map(Value::from).boxed(),
        Shape::Text { longest } => {
            prop::collection::vec("[a-zü名]", 0..=*longest).prop_map(|c| c.concat().into()).boxed()
        }
        Shape::OneOf(words) => {
            let words: Vec<_> = words.iter().copied().collect();
            prop::sample::select(words).prop_map(Value::from).boxed()
        }
        Shape::List { of, most } => {
            prop::collection::vec(value(of), 0..=*most).prop_map(Value::from).boxed()
        }
        Shape::Object { fields, .. } => {
            let members: Vec<_> = fields
                .iter()
                .map(|(name, (shape, _))| {
                    prop::option::weighted(0.9, value(shape))
                        .prop_map(|value| value.map(|value| ((*name).to_owned(), value)))
                })
                .collect();
            let extra = prop::option::weighted(0.1, junk());
            (members, extra)
                .prop_map(|(members, extra)| {
                    let extra = extra.map(|value| ("extra".to_owned(), value));
                    Value::Object(members.into_iter().flatten().chain(extra).collect())
                })
                .boxed()
        }
    };
    prop_oneof![12 => fitting, 1 => junk()].boxed()
}

fn shape_and_arguments() -> impl Strategy<Value = (Shape, Value)> {
    object(shape()).prop_flat_map(|shape| {
        // A text is taken for what stands in it.
        let arguments = value(&shape).prop_filter("a text", |value| !value.is_string());
        (Just(shape), arguments)
    })
}

/// A tool that answers with its arguments.
fn echo(shape: &Shape, calls: &Calls) -> ToolRegistry {
    let spec = ToolSpec::new("echo", "Echoes.", schema(shape.schema()), Effect::Pure);
    only(Scripted {
        spec,
        calls: calls.clone(),
        answer: |_, arguments| Ok(ToolOutput::from(arguments)),
    })
}

fn answer(tools: &ToolRegistry, arguments: Value) -> ToolResponse {
    paused().block_on(async {
        let run = Run::builder("shapes").open().await.unwrap();
        tools.call(&run.context(), "echo", arguments).await.unwrap()
    })
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn arguments_are_accepted_exactly_where_they_fit_and_faults_are_named_where_they_are(
        (shape, arguments) in shape_and_arguments()
    ) {
        // That is no arguments at all.
        prop_assume!(!arguments.is_null());
        let mut faults = BTreeSet::new();
        shape.faults(&arguments, "", &mut faults);
        let calls = Calls::default();
        let tools = echo(&shape, &calls);
        let response = answer(&tools, arguments.clone());
        prop_assert_eq!(calls.count(), usize::from(faults.is_empty()));
        if faults.is_empty() {
            prop_assert_eq!(response.outcome, ToolOutcome::Succeeded);
            prop_assert_eq!(&response.data, &arguments);
        } else {
            prop_assert_eq!(response.outcome, ToolOutcome::Rejected);
            let error = response.error.clone().unwrap();
            let told: BTreeSet<_> = error.faults.iter().map(|v| v.path.clone()).collect();
            prop_assert!(told.iter().all(|path| arguments.pointer(path).is_some()));
            prop_assert!(told.is_subset(&faults), "{told:?} {faults:?}");
            prop_assert!(error.omitted > 0 || told == faults, "{told:?} {faults:?}");
            prop_assert!(error.faults.iter().all(|v| !v.problem.is_empty() && v.allowed.is_some()));
        }
        // As text, it is the same call.
        prop_assert_eq!(answer(&tools, arguments.to_string().into()), response);
    }

    #[test]
    fn whatever_a_model_writes_is_answered(text in "\\PC{0,40}|[\\[\\]{}\",:a0 ]{0,20}") {
        let shape = Shape::Object { fields: BTreeMap::new(), is_closed: false };
        let response = answer(&echo(&shape, &Calls::default()), text.clone().into());
        let read = serde_json::from_str::<Map<String, Value>>(&text);
        let fits = read.is_ok() || matches!(text.trim(), "" | "null");
        prop_assert_eq!(response.is_success(), fits);
        prop_assert_eq!(response.outcome == ToolOutcome::Rejected, !fits);
    }
}
