//! What a primer refuses, and in which words.

use maniple_context::{Encoding, Tiktoken};
use maniple_core::{Class, Classify};
use maniple_primers::{PrimeError, PrimeRequest, Primer, PrimerName, TemplatePrimer, Version};

fn primer(template: &str) -> Result<TemplatePrimer, PrimeError> {
    TemplatePrimer::new(PrimerName::new("greet")?, Version::new("1"), template)
}

async fn refusal(template: &str, variables: &[(&str, &str)]) -> PrimeError {
    let request = variables
        .iter()
        .fold(PrimeRequest::new(), |request, (name, value)| request.with_variable(*name, *value));
    let counter = Tiktoken::new(Encoding::O200kBase);
    primer(template).unwrap().prime(&request, &counter).await.unwrap_err()
}

#[tokio::test]
async fn a_missing_variable_is_named_with_all_that_are_taken() {
    let error = refusal("{{ whom }} {{ how }} {{ when }}", &[("how", "well")]).await;
    assert_eq!(error.to_string(), "greet needs when, whom; it takes how, when, whom");
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn a_variable_in_a_branch_not_taken_is_needed_too() {
    let error = refusal("{% if false %}{{ whom }}{% endif %}", &[]).await;
    assert_eq!(error.to_string(), "greet needs whom; it takes whom");
}

#[tokio::test]
async fn an_unknown_variable_is_named_with_what_may_have_been_meant() {
    let error = refusal("{{ whom }} {{ how }}", &[("wohm", "you"), ("how", "")]).await;
    assert_eq!(error.to_string(), "greet takes no wohm (did you mean whom?); it takes how, whom");
    let error = refusal("{{ whom }}", &[("question", ""), ("whom", "")]).await;
    assert_eq!(error.to_string(), "greet takes no question; it takes whom");
    let error = refusal("hello", &[("whom", "")]).await;
    assert_eq!(error.to_string(), "greet takes no whom; it takes no variables");
}

#[test]
fn a_syntax_error_names_template_and_line() {
    let error = primer("one\ntwo {{ whom }\nthree").unwrap_err();
    let PrimeError::Syntax { primer, line, .. } = &error else { panic!("{error:?}") };
    assert_eq!((primer.as_str(), *line), ("greet", 2));
    assert!(error.to_string().starts_with("the template of greet does not parse, line 2: "));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_template_reaches_no_other() {
    for template in ["{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as x %}"] {
        assert!(matches!(primer(template), Err(PrimeError::Syntax { line: 1, .. })), "{template}");
    }
}

#[tokio::test]
async fn a_template_that_runs_too_long_is_stopped() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let error = refusal(nested, &[]).await;
    assert!(matches!(error, PrimeError::OutOfFuel { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the template of greet ran too long and was stopped: shorten its loops"
    );
}

#[tokio::test]
async fn a_failing_expression_names_its_line() {
    let error = refusal("one\n{{ whom.name }}", &[("whom", "you")]).await;
    assert!(matches!(error, PrimeError::Render { line: 2, .. }), "{error:?}");
    let error = refusal("{{ whom | nonsense }}", &[("whom", "you")]).await;
    assert_eq!(
        error.to_string(),
        "the template of greet failed, line 1: filter nonsense is unknown"
    );
}

#[test]
fn a_name_is_lower_case_words() {
    for name in ["bug-fix", "x2"] {
        assert_eq!(PrimerName::new(name).unwrap().as_str(), name);
    }
    for name in ["", "-", "Bug", "bug fix", "bug--fix", "fix-", "né"] {
        assert!(matches!(PrimerName::new(name), Err(PrimeError::InvalidName { .. })), "{name:?}");
    }
}
