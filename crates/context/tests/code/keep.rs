use maniple_context::LineRange;
use maniple_context::code::{Language, code_outline, numbered};

const TEXT: &str = "\
first {
    1 1 1 1
}
second {
    2 2
}
third {
    3 3
}
";

fn kept(scores: [u64; 3], room: usize) -> String {
    let outline = code_outline(Language::Other, TEXT);
    let tokens: Vec<usize> = TEXT.lines().map(|line| line.split_whitespace().count()).collect();
    let ranges = outline.keep(&scores, &tokens, room);
    ranges.iter().map(LineRange::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn signatures_come_before_bodies() {
    assert_eq!(kept([9, 9, 9], 0), "");
    assert_eq!(kept([1, 1, 9], 6), "1-1 3-3 7-7 9-9");
    assert_eq!(kept([9, 9, 9], 9), "1-1 3-4 6-7 9-9");
}

#[test]
fn bodies_come_by_score_per_token() {
    assert_eq!(kept([3, 1, 2], 11), "1-1 3-4 6-9");
    assert_eq!(kept([3, 1, 1], 13), "1-4 6-7 9-9");
    assert_eq!(kept([0, 0, 0], 13), "1-4 6-7 9-9", "the first of equals");
    assert_eq!(kept([0, 0, 0], 17), "1-9");
}

#[test]
fn what_has_no_room_is_passed_over() {
    assert_eq!(kept([9, 0, 1], 12), "1-1 3-4 6-9");
}

#[test]
fn kept_lines_have_their_numbers() {
    let ranges = [LineRange::new(1, 1).unwrap(), LineRange::new(3, 4).unwrap()];
    assert_eq!(numbered(TEXT, &ranges), "1 first {\n3 }\n4 second {\n");
    assert_eq!(numbered("a", &[LineRange::new(1, 9).unwrap()]), "1 a");
    assert_eq!(numbered("a\n", &[]), "");
}
