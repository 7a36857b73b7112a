use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A turn that owns its text.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    origin: Origin<'static>,
    pair: Option<usize>,
    pinned: bool,
}

fn views(said: &[Said]) -> Vec<Turn<'_>> {
    let view = |said: &Said| (said.origin, said.pair, said.pinned);
    said.iter()
        .map(|said| {
            let (origin, pair, pinned) = view(said);
            Turn {
                text: &said.text,
                origin,
                pair,
                pinned,
                settled: false,
                priority: Priority::Normal,
            }
        })
        .collect()
}

/// What the steps make of a transcript.
struct Reduced {
    lines: Lines,
    index: Index,
    costs: Vec<Cost>,
    gone: Vec<Option<Gone>>,
}

impl Reduced {
    fn of(turns: &[Turn<'_>]) -> Self {
        let lines = Lines::of(turns);
        let index = Index::of(turns, &lines);
        let costs = costs(turns, &lines);
        let gone = repeated(turns, &lines, &index, &costs);
        Self { lines, index, costs, gone }
    }

    fn choose(&self, turns: &[Turn<'_>], room: u64) -> Vec<bool> {
        let Self { lines, index, costs, gone } = self;
        let worth = Worth::of(turns, lines, index, costs);
        let gone: Vec<_> = gone.iter().map(Option::is_some).collect();
        choose(turns, lines, index, &worth, costs, &gone, room)
    }

    /// What lines cost together, counted from what is written.
    fn cost(&self, turns: &[Turn<'_>], kept: impl Fn(usize) -> bool) -> u64 {
        (0..turns.len()).map(|turn| self.written(turns, turn, &kept).len() as u64).sum()
    }

    fn written(&self, turns: &[Turn<'_>], turn: usize, kept: impl Fn(usize) -> bool) -> String {
        let kept_lines = self.lines.of_turn(turn).filter(|line| kept(*line));
        let line = |line: usize| {
            let opens = !(self.lines.continues(line) && kept(line - 1));
            written(&self.lines.all()[line], turns, opens)
        };
        kept_lines.map(line).collect()
    }

    fn stays(&self, line: usize) -> bool {
        self.gone[line].is_none()
    }
}

/// A token for each byte, so that costs add up exactly.
fn costs(turns: &[Turn<'_>], lines: &Lines) -> Vec<Cost> {
    let tokens = |line: &Line, opens| u32::try_from(written(line, turns, opens).len()).unwrap();
    let cost = |line: &Line| {
        let body = tokens(line, false);
        Cost { body, opening: tokens(line, true) - body }
    };
    lines.all().iter().map(cost).collect()
}

/// What is written of a line that stays. Blank lines after one with a number have none of their own:
/// theirs are told by its own.
fn written(line: &Line, turns: &[Turn<'_>], opens: bool) -> String {
    let text = turns[line.turn()].text;
    let mut start = line.span().start;
    let mut written = String::new();
    for (nth, (end, opening)) in line.pieces(text).enumerate() {
        let opening = if nth == 0 && opens { 0 } else { opening };
        written.push_str(&text[start + opening..end]);
        start = end;
    }
    written
}

fn pinned(text: &str) -> Said {
    Said { text: text.to_owned(), origin: Origin::User, pair: None, pinned: true }
}

fn assistant(text: &str) -> Said {
    Said { text: text.to_owned(), origin: Origin::Assistant, pair: None, pinned: false }
}

/// Puts a call and its result at the end.
fn call(said: &mut Vec<Said>, name: &'static str, arguments: &str, result: &str) {
    let at = said.len();
    let turn = |text: &str, origin, pair| Said {
        text: text.to_owned(),
        origin,
        pair: Some(pair),
        pinned: false,
    };
    said.push(turn(arguments, Origin::Call { name }, at + 1));
    said.push(turn(result, Origin::Result, at));
}

fn numbered(first: usize, lines: &[&str]) -> String {
    let line = |(nth, line): (usize, &&str)| format!("{:6}→{line}\n", first + nth);
    lines.iter().enumerate().map(line).collect()
}

fn lossless(said: &[Said]) -> Vec<String> {
    let turns = views(said);
    let reduced = Reduced::of(&turns);
    (0..turns.len()).map(|turn| reduced.written(&turns, turn, |line| reduced.stays(line))).collect()
}

#[test]
fn an_older_reading_goes_line_by_line_and_what_changed_stays() {
    let mut said = vec![pinned("task")];
    let old =
        numbered(8, &["fn first() {", "    let kept = old_value();", "", "    done(kept)", "}"]);
    let new =
        numbered(8, &["fn first() {", "    let kept = new_value();", "", "    done(kept)", "}"]);
    call(&mut said, "read", r#"{"path": "a.rs"}"#, &old);
    call(&mut said, "read", r#"{"path": "a.rs"}"#, &new);
    let left = lossless(&said);
    assert_eq!(left[2], "     9→    let kept = old_value();\n\n");
    let opened = "     8→fn first() {\n    let kept = new_value();\n\n    done(kept)\n}\n";
    assert_eq!(left[4], opened);
}

#[test]
fn arguments_that_a_result_shows_go_and_leave_json() {
    let mut said = vec![pinned("task")];
    let edit = r#"{"old": "let a = 1;\nlet bee = 2;\n", "new": "let a = 3;\nlet bee = 4;"}"#;
    call(&mut said, "read", "{}", &numbered(1, &["let a = 1;", "let bee = 2;"]));
    call(&mut said, "edit", edit, &numbered(1, &["let a = 3;", "let bee = 4;"]));
    let left = lossless(&said);
    assert_eq!(left[3], r#"{"old": "", "new": ""}"#);
    assert_eq!(left[2], "     1→let a = 1;\nlet bee = 2;\n");
}

#[test]
fn a_list_goes_with_its_result_when_the_next_says_all_of_it() {
    let mut said = vec![pinned("task")];
    call(&mut said, "plan", r#"{"steps": "find cause, open; write test, open"}"#, "Noted.");
    call(&mut said, "plan", r#"{"steps": "find cause, done; write test, open"}"#, "Noted.");
    call(&mut said, "plan", r#"{"steps": "write test, done; find cause, done"}"#, "Noted.");
    let left = lossless(&said);
    assert_eq!(left[1..3], ["", ""], "every word is in the second list");
    assert_eq!(left[3], said[3].text, "the third list says nothing of what is open");
    assert!(!left[5].is_empty());
}

#[test]
fn paths_and_overwritten_progress_are_said_once() {
    let mut said = vec![pinned("task")];
    let found = "src/a.rs:10:fn alpha()\nsrc/a.rs:22:fn beta()\nsrc/b.rs:5:fn gamma()\n";
    call(&mut said, "search", "{}", found);
    call(&mut said, "fetch", "{}", "fetched 10%\rfetched 90%\rfetched all\nready now\r\r\n");
    let left = lossless(&said);
    assert_eq!(left[2], "src/a.rs:10:fn alpha()\n:22:fn beta()\nsrc/b.rs:5:fn gamma()\n");
    assert_eq!(left[4], "fetched all\nready now\r\r\n");
}

#[test]
fn data_in_columns_has_no_line_numbers() {
    let mut said = vec![pinned("task")];
    let table = "1\tred apples\n2\tgreen pears\n3\tblue plums\n";
    call(&mut said, "query", "{}", table);
    assert_eq!(lossless(&said)[2], table);
}

#[test]
fn pinned_results_and_pending_calls_stay_byte_for_byte() {
    let mut said = vec![pinned("task")];
    let file = numbered(1, &["let alpha = 1;", "", "let beta = 2;"]);
    call(&mut said, "read", "{}", &file);
    said[2].pinned = true;
    call(&mut said, "read", "{}", &file);
    let pending = r#"{"text": "let alpha = 1;\nlet beta = 2;\n"}"#;
    let origin = Origin::Call { name: "write" };
    said.push(Said { text: pending.to_owned(), origin, pair: None, pinned: false });
    let left = lossless(&said);
    assert_eq!((&left[2], left[4].as_str(), left[5].as_str()), (&file, "", pending));
}

/// What the lines of a turn are worth.
fn worth(said: &[Said], turn: usize) -> u64 {
    let turns = views(said);
    let Reduced { lines, index, costs, .. } = Reduced::of(&turns);
    let worth = Worth::of(&turns, &lines, &index, &costs);
    lines.of_turn(turn).map(|line| worth.values[line]).sum()
}

fn file(first: usize, topic: &str) -> String {
    let lines: Vec<_> = (0..20).map(|line| format!("about {topic} in row {line:02}")).collect();
    numbered(first, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_file_is_worth_more_the_later_it_was_read() {
    let mut said = vec![pinned("task")];
    call(&mut said, "read", "{}", &file(10, "apples"));
    call(&mut said, "read", "{}", &file(10, "cherry"));
    assert!(worth(&said, 2) < worth(&said, 4));
}

#[test]
fn a_file_is_worth_more_than_output_and_more_where_less_was_read_with_it() {
    let mut said = vec![pinned("task")];
    call(&mut said, "read", "{}", &file(10, "apples"));
    call(&mut said, "run", "{}", &file(10, "apples").replace('→', " "));
    assert!(worth(&said, 2) > worth(&said, 4));
    let alone = worth(&said, 2);
    said[2].text.push_str(&file(30, "cherry").repeat(9));
    assert!(worth(&said, 2) < alone * 10);
}

#[test]
fn where_no_file_is_numbered_what_is_indented_is_a_file() {
    let mut said = vec![pinned("task")];
    call(&mut said, "show", "{}", &"    indented apples\n".repeat(9));
    call(&mut said, "run", "{}", &"just plain apples!!\n".repeat(9));
    assert!(worth(&said, 2) > worth(&said, 4));
    call(&mut said, "read", "{}", &file(10, "cherry"));
    assert!(worth(&said, 2) < worth(&said, 4));
}

#[test]
fn what_the_agent_or_the_task_speaks_of_is_worth_more_with_the_lines_around() {
    let mut said = vec![pinned("task")];
    let rows = file(10, "apples") + &file(30, "cherry") + &file(50, "peanut").repeat(20);
    call(&mut said, "read", "{}", &rows);
    said.push(assistant("Well."));
    let plain = worth(&said, 2);
    said[3] = assistant("The apples are wrong.");
    let spoken = worth(&said, 2);
    assert!(spoken > plain);
    said[0].text.push_str(" of the cherry");
    assert!(worth(&said, 2) > spoken);
    let turns = views(&said);
    let Reduced { lines, index, costs, .. } = Reduced::of(&turns);
    let values = Worth::of(&turns, &lines, &index, &costs).values;
    let of_turn = lines.of_turn(2);
    let by_token = |line: usize| values[line] / u64::from(costs[line].body);
    assert!(by_token(of_turn.start + 41) > by_token(of_turn.end - 1), "it is near");
}

#[test]
fn what_the_task_names_the_source_of_is_worth_more() {
    let mut said = vec![pinned("follow rules.md")];
    call(&mut said, "read", r#"{"path": "docs/rules.md"}"#, &file(10, "apples"));
    let named = worth(&said, 2);
    said[1].text = r#"{"path": "docs/other.md"}"#.to_owned();
    assert!(named > worth(&said, 2));
}

#[test]
fn a_name_that_the_agent_has_used_is_kept_though_the_rest_goes() {
    let mut said = vec![pinned("task")];
    let lines = "plain words and nothing else\n".repeat(40);
    call(&mut said, "run", "{}", &format!("{lines}\nwrote build_output_dir, as always\n{lines}"));
    call(&mut said, "run", r#"{"in": "build_output_dir"}"#, "ok");
    let turns = views(&said);
    let reduced = Reduced::of(&turns);
    let used = r#"task{"in": "build_output_dir"}"#.len() as u64;
    let kept = reduced.choose(&turns, used);
    assert_eq!(reduced.written(&turns, 3, |line| kept[line]), said[3].text);
    assert_eq!(reduced.written(&turns, 2, |line| kept[line]), "");
}

#[test]
fn many_turns_and_long_lines_are_taken_in_their_stride() {
    let mut said = vec![pinned("task")];
    for nth in 0..20_000 {
        call(&mut said, "run", &format!(r#"{{"n": "{nth}"}}"#), "ok\n");
    }
    call(&mut said, "run", "{}", &"word_a/b-1:".repeat(100_000));
    call(&mut said, "run", "{}", &"\r".repeat(100_000));
    call(&mut said, "run", &format!(r#"{{"a": "{}"}}"#, r"\n".repeat(100_000)), "a\n");
    let turns = views(&said);
    let reduced = Reduced::of(&turns);
    let kept = reduced.choose(&turns, 100_000);
    assert!(reduced.cost(&turns, |line| kept[line]) <= 100_000);
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        r"(alpha|beta_1|src/a\.rs|[a-d]{1,9}|[ ({]|1[0-9]{2}|é→){0,6}",
        r"(src|lib)/[ab]\.rs[:-][0-9]{1,2}[:-][a-c ]{0,8}",
        r"[\PC\t]{0,10}",
    ];
    prop_oneof![
        vec((line.clone(), prop_oneof!["\n", "\r\n", "\r", "\n\n"]), 0..8)
            .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end.as_str()).collect()),
        (vec(line, 0..8), 0_usize..12).prop_map(|(lines, first)| {
            numbered(first, &lines.iter().map(String::as_str).collect::<Vec<_>>())
        }),
    ]
}

fn transcripts() -> impl Strategy<Value = Vec<Said>> {
    let arguments = vec((prop_oneof!["a", "b", "c\n"], text()), 0..3)
        .prop_map(|fields| serde_json::to_string(&fields.into_iter().collect::<BTreeMap<_, _>>()))
        .prop_map(Result::unwrap);
    let step = (0..6_u8, arguments, text(), any::<[bool; 3]>());
    vec(step, 0..8).prop_map(|steps| {
        let mut said: Vec<Said> = Vec::new();
        for (kind, arguments, text, pins) in steps {
            let origin = match kind {
                0 => Origin::User,
                1 => Origin::Assistant,
                2 => Origin::Document,
                _ => {
                    call(&mut said, if pins[2] { "one" } else { "two" }, &arguments, &text);
                    let at = said.len() - 1;
                    said[at].pinned = pins[0] && pins[1];
                    if kind == 5 && pins[0] {
                        said.pop();
                        said[at - 1].pair = None;
                    }
                    continue;
                }
            };
            said.push(Said { text, origin, pair: None, pinned: pins[0] && pins[1] });
        }
        said
    })
}

proptest! {
    #[test]
    fn the_lines_are_the_text(said in transcripts()) {
        let turns = views(&said);
        let lines = Lines::of(&turns);
        for (place, turn) in turns.iter().enumerate() {
            let texts = lines.of_turn(place).map(|line| &turn.text[lines.all()[line].span()]);
            prop_assert_eq!(texts.collect::<String>(), turn.text);
        }
    }

    #[test]
    fn whatever_goes_is_said_by_what_stays(said in transcripts()) {
        let turns = views(&said);
        let reduced = Reduced::of(&turns);
        let all = reduced.lines.all();
        for (place, gone) in reduced.gone.iter().enumerate() {
            let turn = &turns[all[place].turn()];
            prop_assert!(gone.is_none() || turn.may_shrink());
            match *gone {
                None => {}
                Some(Gone::Said { by }) => {
                    prop_assert!(reduced.stays(by) && all[place].shape() != Shape::Frame);
                    let twin = turns[all[by].turn()].text;
                    prop_assert_eq!(all[place].content(turn.text), all[by].content(twin));
                }
                Some(Gone::Overwritten { by }) => {
                    prop_assert_eq!(all[by].turn(), all[place].turn());
                    prop_assert!(turn.text[all[place].span()].ends_with('\r'));
                    prop_assert!(!turn.text[all[by].span()].trim().is_empty());
                }
                Some(Gone::Outdated { by_turn }) => {
                    let pair = turn.pair.unwrap();
                    prop_assert!(by_turn > all[place].turn() || by_turn > pair);
                    let unit = reduced.lines.of_turn(all[place].turn());
                    prop_assert!(unit.chain(reduced.lines.of_turn(pair)).all(|l| !reduced.stays(l)));
                }
            }
        }
        let before = turns.iter().map(|turn| turn.text.len() as u64).sum::<u64>();
        prop_assert!(reduced.cost(&turns, |line| reduced.stays(line)) <= before);
    }

    #[test]
    fn a_choice_fits_and_keeps_what_belongs_together(said in transcripts(), share in 0..100_u64) {
        let turns = views(&said);
        let reduced = Reduced::of(&turns);
        let whole = reduced.cost(&turns, |_| true);
        let least = reduced.cost(&turns, |line| {
            let turn = reduced.lines.all()[line].turn();
            let is_held = |turn: usize| !turns[turn].may_shrink();
            let frames = turns[turn].pair.is_some_and(is_held)
                && reduced.lines.all()[line].shape() == Shape::Frame;
            is_held(turn) || frames
        });
        let room = whole * share / 100;
        let kept = reduced.choose(&turns, room);
        prop_assert!(reduced.cost(&turns, |line| kept[line]) <= room.max(least));
        prop_assert_eq!(&kept, &reduced.choose(&turns, room));
        let has = |turn: usize| reduced.lines.of_turn(turn).any(|line| kept[line]);
        for (place, turn) in turns.iter().enumerate() {
            if !turn.may_shrink() {
                prop_assert_eq!(&reduced.written(&turns, place, |line| kept[line]), turn.text);
            }
            if turn.is_call() && (has(place) || turn.pair.is_some_and(has)) {
                let text = reduced.written(&turns, place, |line| kept[line]);
                let read: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
                let of: BTreeMap<String, String> = serde_json::from_str(turn.text).unwrap();
                prop_assert!(read.keys().eq(of.keys()));
            }
        }
        prop_assert!(kept.iter().zip(&reduced.gone).all(|(kept, gone)| !kept || gone.is_none()));
        let everything = reduced.choose(&turns, whole);
        prop_assert!(everything.iter().enumerate().all(|(line, kept)| *kept == reduced.stays(line)));
    }
}
