//! Recall as a model uses it.

use std::sync::Arc;

use maniple_context::{
    Encoding, FileRecall, Handle, MemoryRecall, RecallStore, RecallTool, Tiktoken, TokenCounter,
};
use maniple_core::{Effect, Run, ToolOutcome, ToolRegistry, ToolResponse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::files::packs;
use crate::{put, written};

fn tools(store: Arc<dyn RecallStore>, page: usize) -> ToolRegistry {
    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    let tool = RecallTool::new(store, counter).with_page(page.try_into().unwrap());
    ToolRegistry::builder().with(tool).build().unwrap()
}

/// Answers one call after the other, each of which is the next of the one before.
async fn pages(tools: &ToolRegistry, arguments: Value) -> Vec<Value> {
    let run = Run::builder("recall").open().await.unwrap();
    let mut next = Some(arguments);
    let mut pages = Vec::new();
    while let Some(arguments) = next {
        let answer = tools.call(&run.context(), "recall", arguments).await.unwrap();
        assert!(answer.is_success(), "{}", answer.for_model());
        next = answer.data.get("next").cloned();
        pages.push(answer.data);
        assert!(pages.len() < 10_000, "it gets nowhere");
    }
    pages
}

async fn call(tools: &ToolRegistry, arguments: Value) -> ToolResponse {
    let run = Run::builder("recall").open().await.unwrap();
    tools.call(&run.context(), "recall", arguments).await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn joined(pages: &[Value]) -> String {
    pages.iter().map(|page| page["text"].as_str().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_pages_of_a_text_are_the_text(
        text in r"([a-z ]{0,20}\n|\PC{0,200}|\n|𒐫{0,9}){0,20}",
        page in prop_oneof![1_usize..6, 1_usize..300],
    ) {
        let store = MemoryRecall::new();
        let handle = put(&store, &text);
        let tools = tools(Arc::new(store), page);
        let all = runtime().block_on(pages(&tools, json!({ "handle": handle.to_string() })));
        prop_assert_eq!(joined(&all), text);
        let counter = Tiktoken::new(Encoding::O200kBase);
        for shown in &all {
            let shown = shown["text"].as_str().unwrap();
            // One character may have more tokens than a page.
            let tokens: usize = shown.split_inclusive('\n').map(|line| counter.count(line)).sum();
            prop_assert!(tokens <= page || shown.chars().count() == 1, "{} of {}", tokens, page);
        }
    }
}

#[tokio::test]
async fn a_range_is_answered_byte_for_byte_with_where_it_ends() {
    let store = MemoryRecall::new();
    let handle = put(&store, "one\r\ntwo\n\nfour");
    let tools = tools(Arc::new(store), 100);
    let handle = handle.short().to_string();
    for (lines, text, shown) in [
        ("2-3", "two\n\n", "2-3"),
        ("1", "one\r\n", "1-1"),
        ("3-", "\nfour", "3-4"),
        ("4-99", "four", "4-4"),
    ] {
        let answer = call(&tools, json!({ "handle": handle, "lines": lines })).await;
        assert_eq!(answer.data["text"], text);
        assert_eq!(answer.data["lines"], shown);
        assert_eq!(answer.data["of"], 4);
        assert_eq!(answer.data.get("next"), None);
    }
}

#[tokio::test]
async fn a_long_text_names_the_next_lines_and_keeps_to_those_asked_for() {
    let text: String = written((1..=100).map(|n| format!("line {n}\n")));
    let store = MemoryRecall::new();
    let handle = put(&store, &text).short().to_string();
    let tools = tools(Arc::new(store), 1000);
    let asked = json!({ "handle": handle, "lines": "11-50", "max_tokens": 41 });
    let pages = pages(&tools, asked).await;
    assert_eq!(pages[0]["lines"], "11-20");
    let next = json!({ "handle": handle, "lines": "21-50", "max_tokens": 41 });
    assert_eq!(pages[0]["next"], next);
    let expected: String = written((11..=50).map(|n| format!("line {n}\n")));
    assert_eq!(joined(&pages), expected);
}

#[tokio::test]
async fn one_endless_line_comes_in_pages_too() {
    let text = "0123456789…".repeat(1 << 17);
    let store = MemoryRecall::new();
    let handle = put(&store, &text).short().to_string();
    let tools = tools(Arc::new(store), 50_000);
    let pages = pages(&tools, json!({ "handle": handle })).await;
    assert!(pages.len() > 5);
    assert_eq!(joined(&pages), text);
}

#[tokio::test]
async fn a_search_shows_numbered_lines_and_goes_on_where_it_stopped() {
    let text: String = (1..=300)
        .map(|n| if n % 50 == 0 { format!("ERROR {n}: disk\n") } else { format!("fine {n}\n") })
        .collect();
    let store = MemoryRecall::new();
    let handle = put(&store, &text).short().to_string();
    let tools = tools(Arc::new(store), 10_000);
    let whole = call(&tools, json!({ "handle": handle, "search": "disk error" })).await.data;
    assert_eq!((&whole["matches"], whole.get("next")), (&json!(6), None));
    let begin = "48- fine 48\n49- fine 49\n50: ERROR 50: disk\n51- fine 51\n52- fine 52\n98- ";
    assert!(whole["text"].as_str().unwrap().starts_with(begin), "{whole}");

    let asked = json!({ "handle": handle, "search": "disk error", "max_tokens": 60 });
    let pages = pages(&tools, asked).await;
    assert!(pages.len() > 2, "{pages:?}");
    let matches: u64 = pages.iter().map(|page| page["matches"].as_u64().unwrap()).sum();
    assert_eq!(matches, 6, "each once");
    for n in 1..=6 {
        let line = format!("{0}: ERROR {0}: disk\n", n * 50);
        assert_eq!(joined(&pages).matches(&line).count(), 1, "{line}");
    }

    let part = json!({ "handle": handle, "search": "error", "lines": "101-200" });
    let part = call(&tools, part).await.data;
    assert_eq!(part["matches"], 2);
    let nothing = call(&tools, json!({ "handle": handle, "search": "flood" })).await.data;
    assert_eq!((&nothing["matches"], &nothing["text"]), (&json!(0), &json!("")));
}

#[tokio::test]
async fn a_search_shows_of_a_long_line_what_stands_around_the_match() {
    let text = format!("{}NEEDLE{}\n", "é ".repeat(5_000), " x".repeat(5_000));
    let store = MemoryRecall::new();
    let handle = put(&store, &text).short().to_string();
    let tools = tools(Arc::new(store), 10_000);
    let found = call(&tools, json!({ "handle": handle, "search": "needle" })).await.data;
    let shown = found["text"].as_str().unwrap();
    assert!(shown.starts_with("1: (characters 9") && shown.contains(" of 20006) "), "{shown}");
    assert!(shown.contains("é NEEDLE x") && shown.len() < 1000, "{shown}");
}

#[tokio::test]
async fn what_is_wrong_with_a_call_the_model_is_told() {
    let store = MemoryRecall::new();
    let handle = put(&store, "one\ntwo\n").short().to_string();
    for text in ["text 3292886", "text 7244893"] {
        put(&store, text);
    }
    let tools = tools(Arc::new(store), 100);
    let told = async |arguments: Value| {
        let answer = call(&tools, arguments).await;
        (answer.outcome, answer.error.unwrap().to_string())
    };
    let never = Handle::of("never").short();
    for (arguments, expected) in [
        (json!({ "handle": never.to_string() }), "copy the 12 digits from a marker"),
        (json!({ "handle": Handle::of("never").to_string() }), "no dropped text is kept as"),
        (json!({ "handle": "d26a5df78410" }), "d26a5df78410 is short for d26a5df78410"),
        (json!({ "handle": handle, "lines": "3-4" }), "the text has 2 lines"),
        (json!({ "handle": handle, "skip": 4 }), "line 1 has 4 characters"),
        (json!({ "handle": handle, "search": " " }), "a search needs a word"),
        (json!({ "handle": handle, "search": "a", "skip": 1 }), "leave one of them out"),
    ] {
        let (outcome, text) = told(arguments.clone()).await;
        assert_eq!(outcome, ToolOutcome::Failed, "{arguments}");
        assert!(text.contains(expected), "{arguments}: {text}");
    }
    for arguments in [
        json!({}),
        json!({ "handle": "3fa29c" }),
        json!({ "handle": handle, "lines": "two" }),
        json!({ "handle": handle, "lines": "0-1" }),
        json!({ "handle": handle, "lines": "2-1" }),
        json!({ "handle": handle, "max_tokens": 0 }),
        json!({ "handle": handle, "bytes": "1-2" }),
    ] {
        assert_eq!(told(arguments.clone()).await.0, ToolOutcome::Rejected, "{arguments}");
    }
}

#[tokio::test]
async fn a_damaged_text_is_told_with_its_file() {
    let root = tempfile::tempdir().unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    let handle = put(&store, "kept").short().to_string();
    let path = packs(root.path()).remove(0);
    std::fs::write(&path, "").unwrap();
    let answer = call(&tools(Arc::new(store), 100), json!({ "handle": handle })).await;
    let text = answer.error.unwrap().to_string();
    assert!(text.contains("is damaged") && text.contains(&*path.to_string_lossy()), "{text}");
}

#[test]
fn the_tool_only_reads_and_is_named_as_markers_say() {
    let tools = tools(Arc::new(MemoryRecall::new()), 100);
    let spec = tools.get("recall").unwrap();
    assert_eq!(spec.effect(), Effect::Pure);
    let told = serde_json::to_string(spec.schema()).unwrap() + spec.description();
    assert!(Tiktoken::new(Encoding::O200kBase).count(&told) < 450);
}
