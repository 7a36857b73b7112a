use maniple_context::LineRange;
use maniple_context::code::{CodeOutline, Language, LinePart, code_outline, numbered};
use proptest::prelude::*;

const LANGUAGES: [Language; 6] = [
    Language::Rust,
    Language::Python,
    Language::TypeScript,
    Language::Tsx,
    Language::JavaScript,
    Language::Other,
];

/// Pieces of all languages, so that some of a text can be read and some of it cannot.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "fn a\\(\\) ?\\{|impl B \\{|\\}|\\)|\\};|mod c \\{|#\\[test\\]|/// doc|use x::\\{|m! \\{",
        "def a\\(|\\):|class A:|    pass|@d|\"\"\"|'''|# note|import x|X = \\[|\\]|if __name__ == 1:",
        "class A \\{|export |const a = |\\(\\) => \\{|describe\\('x', |\\}\\);|/\\*\\*|\\*/|`|<a>|x\\(\\) \\{",
        "[a-zé語 ]{0,9}",
        r"\PC{0,9}",
    ];
    let line = ("[ \t]{0,6}", proptest::collection::vec(word, 0..3), "\n|\n\n|\r\n|\r| ");
    proptest::collection::vec(line, 0..40).prop_map(|lines| {
        lines.into_iter().map(|(start, words, end)| start + &words.concat() + &end).collect()
    })
}

fn covers(outer: LineRange, inner: LineRange) -> bool {
    outer.first() <= inner.first() && inner.last() <= outer.last()
}

fn check(outline: &CodeOutline<'_>, text: &str) -> Result<(), TestCaseError> {
    let count = text.split_inclusive('\n').count();
    prop_assert_eq!(outline.lines().len(), count);
    let mut ends: Vec<usize> = Vec::new();
    for (index, item) in outline.items().iter().enumerate() {
        prop_assert!(item.lines.last() <= count);
        for part in [item.doc, item.signature, item.body].into_iter().flatten() {
            prop_assert!(covers(item.lines, part));
        }
        if let (Some(signature), Some(body)) = (item.signature, item.body) {
            prop_assert!(signature.last() < body.first());
        }
        ends.truncate(item.depth);
        prop_assert_eq!(ends.len(), item.depth);
        if let Some(parent) = item.parent {
            prop_assert!(parent < index);
            let parent = &outline.items()[parent];
            prop_assert_eq!(parent.depth + 1, item.depth);
            prop_assert!(covers(parent.lines, item.lines));
            prop_assert!(parent.body.is_some_and(|body| item.lines.first() >= body.first()));
        } else {
            prop_assert_eq!(item.depth, 0);
        }
        if let Some(before) =
            outline.items()[..index].iter().rev().find(|other| other.depth == item.depth)
        {
            prop_assert!(before.lines.last() < item.lines.first());
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        prop_assert_eq!(
            &text[item.bytes()],
            lines[item.lines.first() - 1..item.lines.last()].concat()
        );
        ends.push(item.lines.last());
    }
    for (number, (line, text)) in (1..).zip(outline.lines().iter().zip(text.split_inclusive('\n')))
    {
        let item = &outline.items()[line.item];
        let is_in = (item.lines.first()..=item.lines.last()).contains(&number);
        prop_assert!(is_in || text.trim().is_empty(), "line {} is of no item", number);
        if line.part == LinePart::Doc && !text.trim().is_empty() {
            prop_assert!(item.doc.is_some_and(|doc| doc.first() < number && number <= doc.last()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_line_of_any_text_is_of_one_item(text in texts()) {
        for language in LANGUAGES {
            check(&code_outline(language, &text), &text)?;
        }
    }

    #[test]
    fn what_is_kept_fits_and_has_its_signature(
        text in texts(),
        seed in proptest::collection::vec((0_u64..9, 0_usize..9), 40),
        room in 0_usize..200,
    ) {
        for language in LANGUAGES {
            let outline = code_outline(language, &text);
            let scores: Vec<u64> =
                (0..outline.items().len()).map(|item| seed[item % seed.len()].0).collect();
            let tokens: Vec<usize> =
                (0..outline.lines().len()).map(|line| seed[line % seed.len()].1).collect();
            let kept = outline.keep(&scores, &tokens, room);
            let stays = |number: usize| {
                kept.iter().any(|range| range.first() <= number && number <= range.last())
            };
            let used: usize =
                (1..).zip(&tokens).filter(|(number, _)| stays(*number)).map(|(_, cost)| cost).sum();
            prop_assert!(used <= room);
            prop_assert!(kept.windows(2).all(|pair| pair[0].last() + 1 < pair[1].first()));
            for (number, line) in (1..).zip(outline.lines()) {
                // All lines of one part of one item share a fate, and a body follows its signature.
                for (other, same) in (1..).zip(outline.lines()).filter(|(_, other)| other.item == line.item) {
                    let is_body = |part| part != LinePart::Signature;
                    if is_body(same.part) == is_body(line.part) {
                        prop_assert_eq!(stays(number), stays(other));
                    } else if is_body(line.part) && stays(number) {
                        prop_assert!(stays(other));
                    }
                }
            }
            let all = outline.keep(&scores, &tokens, usize::MAX);
            let shown = numbered(&text, &all);
            prop_assert_eq!(shown.split_inclusive('\n').count(), outline.lines().len());
        }
    }
}

#[test]
fn line_ends_of_windows_change_nothing() {
    let text =
        "use a;\n\n/// Doc.\nfn b() {\n    1;\n}\nclass A:\n    def c(self):\n        pass\n";
    for language in LANGUAGES {
        let crlf = text.replace('\n', "\r\n");
        let (one, other) = (code_outline(language, text), code_outline(language, &crlf));
        assert_eq!(one.lines(), other.lines(), "{language:?}");
        assert_eq!(crate::shown(&one), crate::shown(&other), "{language:?}");
    }
}

#[test]
fn deep_nesting_takes_no_stack() {
    let deep = 100_000;
    let texts = [
        format!("fn a() {{\n{}", "{".repeat(deep)),
        "(".repeat(deep),
        "[\n".repeat(deep),
        "fn a() {\n".repeat(deep / 50),
        (0..400).map(|depth| " ".repeat(depth) + "def a():\n").collect(),
    ];
    for text in &texts {
        for language in LANGUAGES {
            let outline = code_outline(language, text);
            check(&outline, text).unwrap();
        }
    }
}
