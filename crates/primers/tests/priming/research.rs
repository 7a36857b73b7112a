//! The built-in research primer, rendered.

use maniple_context::{Encoding, Kind, Role, Tiktoken, TokenCounter};
use maniple_primers::{PrimeRequest, Primer, builtin};

fn request() -> PrimeRequest {
    PrimeRequest::new()
        .with_variable("question", "How does retry work?")
        .with_variable("folder", "crates/http")
        .with_variable("files", "212")
}

#[tokio::test]
async fn it_renders_as_in_the_snapshot() {
    let counter = Tiktoken::new(Encoding::O200kBase);
    let primed = builtin::research().prime(&request(), &counter).await.unwrap();
    let [segment] = &*primed.segments else { panic!("{} segments", primed.segments.len()) };
    assert_eq!(&**segment.text(), include_str!("research.txt").trim_end());
}

#[tokio::test]
async fn its_segment_is_a_pinned_instruction_and_the_report_counts_it() {
    let counter = Tiktoken::new(Encoding::Cl100kBase);
    let primed = builtin::research().prime(&request(), &counter).await.unwrap();
    let segment = &primed.segments[0];
    assert!(segment.is_pinned());
    assert_eq!((segment.kind(), segment.role()), (Kind::Instruction, Role::System));
    assert_eq!(segment.id().as_str(), "primer:research");

    assert_eq!(primed.report.primer.as_str(), "research");
    assert_eq!(primed.report.version.as_str(), "1");
    assert_eq!(primed.report.tokens, counter.count(segment.text()));
    assert_eq!(&*primed.report.encoding, "cl100k_base");
    assert_eq!(primed.workflow.as_str(), "research");
    let checkpoints: Vec<_> = primed.checkpoints.iter().map(ToString::to_string).collect();
    assert_eq!(checkpoints, ["read", "answer", "verify"]);
}

#[test]
fn it_takes_three_variables() {
    let research = builtin::research();
    let variables: Vec<&str> = research.variables().iter().map(|name| &**name).collect();
    assert_eq!(variables, ["files", "folder", "question"]);
}
