use serde::{Deserialize, Serialize};

/// The language of a source text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Language {
    /// Rust; read by its grammar with the feature `lang-rust`.
    Rust,
    /// Python; read by its grammar with the feature `lang-python`.
    Python,
    /// TypeScript; read by its grammar with the feature `lang-typescript`.
    TypeScript,
    /// TypeScript with JSX; read by its grammar with the feature `lang-typescript`.
    Tsx,
    /// JavaScript, with JSX or without; read by its grammar with the feature `lang-javascript`.
    JavaScript,
    /// Any other language, or prose. The default.
    #[default]
    Other,
}

impl Language {
    /// The language that the extension of a path tells, or, where there is no path or it has no
    /// extension, the one that the text looks like.
    ///
    /// The look is that of the first 200 lines: the interpreter that `#!` names, or else the
    /// language that most lines begin or end like, if these are at least two and more than those of
    /// any other.
    ///
    /// ```
    /// use maniple_context::code::Language;
    ///
    /// assert_eq!(Language::of(Some("web/App.tsx"), ""), Language::Tsx);
    /// assert_eq!(Language::of(None, "import os\n\ndef a():\n    pass\n"), Language::Python);
    /// assert_eq!(Language::of(Some("notes.txt"), "import os\ndef a():\n"), Language::Other);
    /// ```
    pub fn of(path: Option<&str>, text: &str) -> Self {
        match path.and_then(extension) {
            Some(extension) => Self::of_extension(extension),
            None => Self::of_look(text),
        }
    }

    fn of_extension(extension: &str) -> Self {
        match extension.to_ascii_lowercase().as_str() {
            "rs" => Self::Rust,
            "py" | "pyi" | "pyw" => Self::Python,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            "js" | "mjs" | "cjs" | "jsx" => Self::JavaScript,
            _ => Self::Other,
        }
    }

    fn of_look(text: &str) -> Self {
        if let Some(interpreter) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) {
            return Self::of_interpreter(interpreter);
        }
        let mut seen = Seen::default();
        text.lines().take(LOOKED_AT).for_each(|line| seen.count(line.trim()));
        seen.verdict()
    }

    fn of_interpreter(line: &str) -> Self {
        if line.contains("python") {
            Self::Python
        } else if line.contains("node") {
            Self::JavaScript
        } else {
            Self::Other
        }
    }
}

const LOOKED_AT: usize = 200;
/// Fewer lines could be of a text that speaks of code.
const ENOUGH: usize = 2;

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit(['/', '\\']).next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// How many lines look like those of a language.
#[derive(Debug, Default)]
struct Seen {
    rust: usize,
    python: usize,
    script: usize,
    typed: usize,
}

impl Seen {
    fn count(&mut self, line: &str) {
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        let ends = |marks: &[&str]| marks.iter().any(|mark| line.ends_with(mark));
        let is_rust = begins(&["fn ", "pub ", "pub(", "impl ", "impl<", "#[", "let mut ", "mod "])
            || (begins(&["use "]) && ends(&[";", "{"]));
        let is_python = (begins(&["def ", "class ", "async def ", "elif "]) && ends(&[":"]))
            || (begins(&["import ", "from "]) && !ends(&[";", "'", "\""]) && !line.contains('{'));
        let is_script =
            begins(&["const ", "let ", "function ", "export ", "async function ", "var "])
                && !is_rust
                || (begins(&["import "]) && ends(&["';", "\";", "'", "\""]))
                || ends(&["=> {", "});"]);
        let is_typed = begins(&["interface ", "export interface ", "export type ", "declare "])
            || (is_script
                && [": string", ": number", ": boolean"].iter().any(|t| line.contains(t)));
        self.rust += usize::from(is_rust);
        self.python += usize::from(is_python);
        self.script += usize::from(is_script || is_typed);
        self.typed += usize::from(is_typed);
    }

    fn verdict(&self) -> Language {
        let script = if self.typed > 0 { Language::TypeScript } else { Language::JavaScript };
        let found =
            [(self.rust, Language::Rust), (self.python, Language::Python), (self.script, script)];
        let most = found.iter().map(|(lines, _)| *lines).max().unwrap_or(0);
        let mut best = found.iter().filter(|(lines, _)| *lines == most);
        match (best.next(), best.next()) {
            (Some((_, language)), None) if most >= ENOUGH => *language,
            _ => Language::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_those_of_the_file_alone() {
        let of = |path| Language::of(Some(path), "fn a() {}\nfn b() {}\n");
        assert_eq!(of("a.b/c.rs"), Language::Rust);
        assert_eq!(of(r"a\b.PY"), Language::Python);
        assert_eq!(of("x.d.ts"), Language::TypeScript);
        assert_eq!(of("x.mjs"), Language::JavaScript);
        assert_eq!(of("x.c"), Language::Other);
        assert_eq!(of("a.py/script"), Language::Rust, "no extension, so by its look");
    }

    #[test]
    fn without_a_path_the_look_decides() {
        let of = |text| Language::of(None, text);
        assert_eq!(of("use std::fmt;\n\npub struct A;\n"), Language::Rust);
        assert_eq!(of("#!/usr/bin/env python3\nx = 1\n"), Language::Python);
        assert_eq!(of("#!/bin/sh\nimport os\nimport re\n"), Language::Other);
        assert_eq!(of("const a = require('b');\nconst c = () => {\n};\n"), Language::JavaScript);
        assert_eq!(of("import { a } from 'b';\nexport interface C {\n}\n"), Language::TypeScript);
        assert_eq!(of("Let us import the plan.\nThe class of it is low:\n"), Language::Other);
        assert_eq!(of(""), Language::Other);
    }
}
