//! Values are text, whatever they look like.

use maniple_context::{Encoding, Tiktoken};
use maniple_primers::{PrimeRequest, Primer, PrimerName, TemplatePrimer, Version};
use proptest::prelude::*;

fn rendered(value: &str) -> String {
    let name = PrimerName::new("echo").unwrap();
    let primer = TemplatePrimer::new(name, Version::new("1"), "[{{ value }}]").unwrap();
    let request = PrimeRequest::new().with_variable("value", value);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counter = Tiktoken::new(Encoding::O200kBase);
    let context = runtime.block_on(primer.prime(&request, &counter)).unwrap();
    context.segments[0].text().to_string()
}

fn template_syntax() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{ 7 * 7 }}".to_owned()),
        Just("{{ value }}".to_owned()),
        Just("{% for x in range(9999999) %}".to_owned()),
        Just("{% raw %}".to_owned()),
        Just("{# ".to_owned()),
        Just("<b>&amp;\"'".to_owned()),
        r"[{}%#\- \n]{1,6}",
        r"\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn template_syntax_in_a_value_is_never_evaluated(value in template_syntax()) {
        prop_assert_eq!(rendered(&value), format!("[{value}]"));
    }
}
