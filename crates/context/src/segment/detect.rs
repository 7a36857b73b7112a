//! What a text is, by its name and its looks.

use serde::de::IgnoredAny;

use super::Kind;
use crate::text::floor_char_boundary;

/// How much of a text is looked at.
const SEEN_BYTES: usize = 8 * 1024;
/// Where in a line a log says when and how bad.
const HEAD_BYTES: usize = 64;

const CODE_EXTENSIONS: &[&str] = &[
    "bash", "c", "cc", "cjs", "clj", "cpp", "cs", "css", "cu", "cxx", "dart", "el", "ex", "exs",
    "fs", "go", "graphql", "h", "hh", "hpp", "hs", "html", "java", "jl", "js", "jsx", "kt", "kts",
    "lua", "m", "mjs", "ml", "mm", "nim", "php", "pl", "pm", "proto", "ps1", "py", "pyi", "r",
    "rb", "rs", "scala", "scss", "sh", "sol", "sql", "svelte", "swift", "tf", "ts", "tsx", "vue",
    "zig",
];
const JSON_EXTENSIONS: &[&str] = &["geojson", "ipynb", "json", "json5", "jsonc", "jsonl", "ndjson"];
const FILE_EXTENSIONS: &[&str] = &[
    "adoc", "cfg", "conf", "csv", "eml", "env", "ini", "lock", "md", "markdown", "org", "rst",
    "tex", "toml", "tsv", "txt", "xml", "yaml", "yml",
];
const CODE_NAMES: &[&str] = &["CMakeLists.txt", "Dockerfile", "Justfile", "Makefile", "justfile"];

const LEVELS: &[&str] = &[
    "CRITICAL", "DEBUG", "ERROR", "FATAL", "FINE", "INFO", "NOTICE", "SEVERE", "TRACE", "WARN",
    "WARNING",
];

/// What only lines of code begin with, each followed by something that prose does not have there.
const CODE_BEGINS: &[&str] = &[
    "#!",
    "#define ",
    "#if",
    "#include",
    "#[",
    "*/",
    "//",
    "/*",
    "@",
    "async ",
    "class ",
    "const ",
    "def ",
    "elif ",
    "else:",
    "enum ",
    "export ",
    "fn ",
    "for (",
    "func ",
    "function ",
    "if (",
    "impl ",
    "import ",
    "interface ",
    "let ",
    "mod ",
    "package ",
    "private ",
    "pub ",
    "public ",
    "return",
    "static ",
    "struct ",
    "switch (",
    "try:",
    "type ",
    "use ",
    "var ",
    "while (",
];
const CODE_HOLDS: &[&str] =
    &[" = ", " == ", " += ", " := ", " => ", "->", "::", "()", " && ", "!="];
const CODE_ENDS: &[char] = &['{', '}', ';', '(', ')', '['];

impl Kind {
    /// What a text is: [`Json`](Self::Json), a [`Log`](Self::Log), [`Code`](Self::Code), or else a
    /// [`File`](Self::File), which prose is, too.
    ///
    /// It looks at the name and at the first 8 KiB:
    /// 1. A name without white space tells by its extension, as `main.rs` and `build.log.1` do;
    ///    for code that has no folder in its name, only where the text is not all prose (`Node.js`
    ///    may be a title).
    /// 2. JSON is what begins with `{` or `[` and is valid as far as it is seen: one value, or
    ///    several, as in JSON lines.
    /// 3. A log has, in half of the lines that are not indented, a time of day, a date, a time in
    ///    seconds or milliseconds since 1970, or a level in capitals among the first 64 bytes, and
    ///    words.
    /// 4. Code has at least two lines, a third of them with what code has: a keyword at the
    ///    beginning, an operator, or a brace, parenthesis or semicolon at the end. Or it begins
    ///    with `#!`.
    ///
    /// ```
    /// use maniple_context::Kind;
    ///
    /// assert_eq!(Kind::detect("", Some("src/main.rs")), Kind::Code);
    /// assert_eq!(Kind::detect("{\"a\": 1}\n{\"a\": 2}\n", None), Kind::Json);
    /// assert_eq!(Kind::detect("12:00:01 WARN disk almost full\n", None), Kind::Log);
    /// assert_eq!(Kind::detect("A letter, in two lines\nof plain words.", None), Kind::File);
    /// ```
    pub fn detect(text: &str, name: Option<&str>) -> Self {
        let looks = Looks::of(text);
        if let Some(kind) = name.and_then(|name| of_name(name, &looks)) {
            return kind;
        }
        if looks.is_json() {
            Self::Json
        } else if looks.is_log() {
            Self::Log
        } else if looks.is_code() {
            Self::Code
        } else {
            Self::File
        }
    }
}

fn of_name(name: &str, looks: &Looks<'_>) -> Option<Kind> {
    if name.contains(char::is_whitespace) {
        return None;
    }
    let (folder, file) = name.rsplit_once(['/', '\\']).unwrap_or(("", name));
    if CODE_NAMES.contains(&file) {
        return Some(Kind::Code);
    }
    let extensions = file.split('.').skip(1);
    // A log that was set aside has a number or a date behind its extension.
    if extensions.clone().any(|extension| extension.eq_ignore_ascii_case("log")) {
        return Some(Kind::Log);
    }
    let extension = extensions.last()?.to_ascii_lowercase();
    let is_of = |extensions: &[&str]| extensions.contains(&&*extension);
    if is_of(CODE_EXTENSIONS) {
        (!folder.is_empty() || looks.is_empty() || looks.code > 0).then_some(Kind::Code)
    } else if is_of(JSON_EXTENSIONS) {
        Some(Kind::Json)
    } else {
        is_of(FILE_EXTENSIONS).then_some(Kind::File)
    }
}

/// What the beginning of a text looks like.
struct Looks<'t> {
    seen: &'t str,
    is_whole: bool,
    /// Lines that are not blank.
    lines: usize,
    /// Of these those with what code has.
    code: usize,
    /// Of the lines those that are not indented.
    heads: usize,
    /// Of these those that are stamped as a log's.
    stamped: usize,
}

impl<'t> Looks<'t> {
    fn of(text: &'t str) -> Self {
        let seen = &text[..floor_char_boundary(text, SEEN_BYTES)];
        let is_whole = seen.len() == text.len();
        let mut looks = Self { seen, is_whole, lines: 0, code: 0, heads: 0, stamped: 0 };
        for line in seen.lines().filter(|line| !line.trim().is_empty()) {
            looks.lines += 1;
            looks.code += usize::from(is_code(line.trim()));
            if !line.starts_with([' ', '\t']) {
                looks.heads += 1;
                looks.stamped += usize::from(is_stamped(line));
            }
        }
        looks
    }

    fn is_empty(&self) -> bool {
        self.lines == 0
    }

    fn is_json(&self) -> bool {
        // Half a number is an error of its own, not the end of what is seen.
        let is_of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let seen = if self.is_whole { self.seen } else { self.seen.trim_end_matches(is_of_number) };
        let mut values = serde_json::Deserializer::from_str(seen).into_iter::<IgnoredAny>();
        let is_valid = |value: Result<IgnoredAny, serde_json::Error>| match value {
            Ok(_) => true,
            Err(error) => error.is_eof() && !self.is_whole,
        };
        self.seen.trim_start().starts_with(['{', '[']) && values.all(is_valid)
    }

    fn is_log(&self) -> bool {
        self.stamped > 0 && self.stamped * 2 >= self.heads
    }

    fn is_code(&self) -> bool {
        self.seen.starts_with("#!") || (self.code >= 2 && self.code * 3 >= self.lines)
    }
}

fn is_code(line: &str) -> bool {
    line.ends_with(CODE_ENDS) && !line.ends_with(".)")
        || CODE_BEGINS.iter().any(|begin| line.starts_with(begin))
        || CODE_HOLDS.iter().any(|operator| line.contains(operator))
}

fn is_stamped(line: &str) -> bool {
    let head = &line[..floor_char_boundary(line, HEAD_BYTES)];
    let bytes = head.as_bytes();
    let has_time = bytes.windows(8).any(|window| has_shape(window, b"00:00:00"));
    let has_date = bytes.windows(10).any(|window| has_shape(window, b"0000-00-00"));
    let is_level = |word: &str| LEVELS.contains(&word);
    let is_between = |c: char| !c.is_ascii_alphabetic();
    let has_words = line.split(is_between).filter(|word| word.len() >= 3).take(2).count() == 2;
    let has_stamp = has_time || has_date || has_epoch(head) || head.split(is_between).any(is_level);
    has_stamp && has_words
}

/// Whether it has a number of as many digits as a time of our age in seconds or milliseconds.
fn has_epoch(head: &str) -> bool {
    head.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        matches!(word.len(), 10 | 13)
            && word.starts_with('1')
            && word.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether the text has a digit for each 0, and for each `-` what stands in a date.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    text.iter().zip(shape).all(|(byte, expected)| match expected {
        b'0' => byte.is_ascii_digit(),
        b'-' => matches!(byte, b'-' | b'/' | b'.'),
        expected => byte == expected,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn prose() -> impl Strategy<Value = String> {
        let sentence = "([A-Z][a-z]{2,9}( (the|of|a|and|from|to|[a-z]{3,9})){3,12}[.!?]|\"I [a-z]{3,7},\" (he|she) said\\.)";
        let paragraph = vec(sentence, 1..6).prop_map(|sentences| sentences.join(" "));
        vec(paragraph, 1..8).prop_map(|paragraphs| paragraphs.join("\n\n"))
    }

    fn logs() -> impl Strategy<Value = String> {
        let stamp = prop_oneof![
            Just("2031-02-03T04:05:06Z INFO "),
            Just("Feb  3 04:05:06 host app[12]: "),
            Just("[04:05:06.789] "),
            Just("310203 040506 17 WARN dfs.Node: "),
            Just("- 1927838570 2031.02.03 R02-M1 RAS KERNEL "),
            Just("E 2031/02/03 main.c:7] "),
            Just("17 node-3 unix.hw state.change 1927838570 1 "),
        ];
        let message = "[a-z]{3,9} (failed|opened|closed) [a-z]{3,9} [0-9]{1,4}( in [0-9]ms)?";
        (stamp, vec((message, 0..3_usize), 1..60)).prop_map(|(stamp, messages)| {
            let mut log = String::new();
            for (message, frames) in messages {
                writeln!(log, "{stamp}{message}").expect("a string takes all");
                for frame in 0..frames {
                    writeln!(log, "    at app.Main.run(Main.java:{frame})").expect("a string");
                }
            }
            log
        })
    }

    fn code() -> impl Strategy<Value = String> {
        let item = prop_oneof![
            Just(
                "use std::fmt;\n\n/// Says it.\npub fn say(what: &str) -> String {\n    let said = what.to_owned();\n    said\n}\n"
            ),
            Just(
                "import os\n\n\ndef say(what):\n    \"\"\"Say it.\"\"\"\n    if not what:\n        return None\n    return what.strip()\n"
            ),
            Just(
                "export class Say {\n  constructor(private what: string) {}\n\n  say(): string {\n    return this.what;\n  }\n}\n"
            ),
            Just("#include <stdio.h>\n\nint main(void) {\n  printf(\"said\");\n  return 0;\n}\n"),
            Just(
                "package say\n\nfunc Say(what string) string {\n\tif what == \"\" {\n\t\treturn \"-\"\n\t}\n\treturn what\n}\n"
            ),
        ];
        vec(item, 1..12).prop_map(|items| items.join("\n"))
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(Into::into),
            r"\PC{0,20}".prop_map(Into::into),
        ];
        let value = leaf.prop_recursive(3, 300, 40, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..40).prop_map(serde_json::Value::from),
                proptest::collection::btree_map("[a-z:]{1,9}", inner, 0..9)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        });
        let value = value.prop_filter("documents", |value| value.is_array() || value.is_object());
        prop_oneof![
            value.clone().prop_map(|value| value.to_string()),
            value.clone().prop_map(|value| format!("{value:#}\n")),
            vec(value, 1..30).prop_map(|values| {
                values.iter().fold(String::new(), |lines, value| lines + &value.to_string() + "\n")
            }),
        ]
    }

    #[test]
    fn json_that_is_cut_in_a_number_is_json() {
        for number in ["-1", "1.5", "2e7", "1e-3"] {
            let text = format!("[{}", format!("{number},").repeat(SEEN_BYTES));
            for shift in 0..number.len() {
                let shifted = format!("[{}{}", " ".repeat(shift), &text[1..]);
                assert_eq!(Kind::detect(&shifted, None), Kind::Json, "{number} {shift}");
            }
        }
    }

    proptest! {
        #[test]
        fn prose_is_a_file(text in prose()) {
            prop_assert_eq!(Kind::detect(&text, None), Kind::File);
            prop_assert_eq!(Kind::detect(&text, Some("Node.js")), Kind::File);
        }

        #[test]
        fn a_log_is_known(text in logs()) {
            prop_assert_eq!(Kind::detect(&text, None), Kind::Log);
        }

        #[test]
        fn code_is_known(text in code()) {
            prop_assert_eq!(Kind::detect(&text, None), Kind::Code);
            prop_assert_eq!(Kind::detect(&text, Some("Node.js")), Kind::Code);
        }

        #[test]
        fn json_is_known_also_where_it_is_cut(text in json()) {
            prop_assert_eq!(Kind::detect(&text, None), Kind::Json);
            if text.len() < SEEN_BYTES / 2 {
                prop_assert_ne!(Kind::detect(&format!("{text} and so on"), None), Kind::Json);
            }
        }

        #[test]
        fn any_text_is_something_and_only_its_beginning_matters(
            text in r"[\PC\n]{0,3000}", tail in r"[\PC\n]{0,300}",
        ) {
            let filled = text.clone() + &"x".repeat(SEEN_BYTES.saturating_sub(text.len()) + 1);
            let kind = Kind::detect(&filled, None);
            prop_assert_eq!(Kind::detect(&(filled + &tail), None), kind);
        }
    }

    #[test]
    fn names_tell() {
        for (name, kind) in [
            ("src/main.rs", Kind::Code),
            ("C:\\src\\Main.JAVA", Kind::Code),
            ("Makefile", Kind::Code),
            ("var/app.log", Kind::Log),
            ("app.log.2031-02-03", Kind::Log),
            ("data.jsonl", Kind::Json),
            ("README.md", Kind::File),
            ("Cargo.toml", Kind::File),
        ] {
            assert_eq!(Kind::detect("Only words here.", Some(name)), kind, "{name}");
        }
        let log = "04:05:06 it has begun\n";
        for name in ["A title with main.rs", "no-extension", "odd.ext", ""] {
            assert_eq!(Kind::detect(log, Some(name)), Kind::Log, "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_it_at_first() {
        for (text, kind) in [
            ("", Kind::File),
            ("{", Kind::File),
            ("[1] First, see below.\n[x] Then.", Kind::File),
            ("{{ a template }}", Kind::File),
            ("2031-02-03,7,8\n2031-02-04,9,10\n", Kind::File),
            ("We met at 12:30:00 sharp.\nThen we left.\nIt rained.\n", Kind::File),
            ("#!/bin/sh\nls\n", Kind::Code),
            ("He (and she) left.\nIt was late (too late).\nThe end.", Kind::File),
        ] {
            assert_eq!(Kind::detect(text, None), kind, "{text:?}");
        }
    }
}
