//! What ARCHITECTURE.md, CONTRIBUTING.md and SEMANTICS.md say about the tree, checked against the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The most lines of production code that a file has without saying why.
const MAX_LINES: usize = 400;

#[test]
fn every_example_and_bench_is_listed_in_its_manifest() {
    let metadata = metadata();
    for folder in ["examples", "benches"] {
        let built: BTreeSet<&str> = packages(&metadata)
            .flat_map(|package| list(&package["targets"]))
            .filter_map(|target| target["src_path"].as_str())
            .collect();
        for file in files_in(&root().join(folder)) {
            let listed = built.contains(&*file.to_string_lossy());
            let file = relative(&file);
            assert!(listed, "no build compiles {file}: list it in {folder}/Cargo.toml");
        }
    }
}

#[test]
fn every_example_is_run_by_ci() {
    let script = read(&root().join(".ci/run"));
    for file in files_in(&root().join("examples")) {
        let name = stem(&file);
        let run = script.contains(&format!("--example {name} "));
        assert!(
            name == "lib" || run,
            "nothing runs the example {name}: add it to the examples in .ci/run"
        );
    }
}

#[test]
fn arrows_are_those_of_the_architecture() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let allowed = arrows(&architecture);
    for package in packages(&metadata()) {
        let name = text(&package["name"]);
        if !name.starts_with("maniple") {
            continue;
        }
        let allowed = allowed
            .get(name)
            .unwrap_or_else(|| panic!("ARCHITECTURE.md has no row of arrows for {name}"));
        for dependency in dependencies(package).map(|other| text(&other["name"])) {
            assert!(
                !dependency.starts_with("maniple") || allowed.contains(dependency),
                "{name} depends on {dependency}, and ARCHITECTURE.md has no such arrow"
            );
        }
    }
}

#[test]
fn core_depends_on_nothing_heavy() {
    let allowed = [
        "async-trait",
        "backon",
        "blake3",
        "futures",
        "serde",
        "serde_json",
        "thiserror",
        "tokio",
        "tokio-util",
        "tracing",
    ];
    let metadata = metadata();
    let core = packages(&metadata).find(|package| package["name"] == "maniple-core");
    for dependency in dependencies(core.expect("the workspace has a core")) {
        let name = text(&dependency["name"]);
        assert!(
            dependency["optional"] == true || allowed.contains(&name),
            "with its default features off, maniple-core depends on {name}"
        );
    }
}

#[test]
fn no_crate_has_unsafe_code() {
    let manifest = read(&root().join("Cargo.toml"));
    assert!(
        manifest.contains("\nunsafe_code = \"forbid\"\n"),
        "the workspace does not forbid unsafe code"
    );
    for package in packages(&metadata()) {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        assert!(
            read(&manifest).contains("\n[lints]\nworkspace = true\n"),
            "{} does not take over the lints of the workspace",
            relative(&manifest)
        );
    }
}

#[test]
fn no_file_is_too_long_without_a_reason() {
    let mut found = Vec::new();
    for file in crate_sources("src") {
        let source = read(&file);
        let lines = production_lines(&source);
        let excused =
            source.lines().take(5).any(|line| line.starts_with("// Over 400 lines because "));
        if lines > MAX_LINES && !excused && stem(&file) != "tests" {
            found.push(format!("{} ({lines} lines)", relative(&file)));
        }
    }
    assert!(
        found.is_empty(),
        "more than {MAX_LINES} lines of production code, split by concept or begin with \
         `// Over 400 lines because …`: {found:#?}"
    );
}

#[test]
fn no_file_names_a_path_of_a_machine() {
    let mut found = Vec::new();
    for file in tracked() {
        let Ok(bytes) = fs::read(&file) else { continue };
        let source = String::from_utf8_lossy(&bytes);
        for (number, line) in source.lines().enumerate().filter(|(_, line)| has_machine_path(line))
        {
            found.push(format!("{}:{}: {line}", relative(&file), number + 1));
        }
    }
    assert!(found.is_empty(), "names a path that exists on one machine only: {found:#?}");
}

#[test]
fn a_path_of_a_machine_is_recognised() {
    for folder in MACHINE_FOLDERS {
        assert!(has_machine_path(&format!("see /{folder}/someone/notes")));
        assert!(has_machine_path(&format!("/{folder}/x")));
        assert!(!has_machine_path(&format!("crates/{folder}/src")));
        assert!(!has_machine_path(&format!("/{folder}")));
    }
    assert!(has_machine_path(&["C:", "Users", "someone"].join("\\")));
}

#[test]
fn every_test_that_the_semantics_name_exists() {
    let Ok(semantics) = fs::read_to_string(root().join("SEMANTICS.md")) else {
        return;
    };
    let tests = functions_by_file();
    for name in semantics.split('`').skip(1).step_by(2).filter(|token| names_a_test(token)) {
        assert!(
            tests.contains(name),
            "SEMANTICS.md names the test `{name}`, and no file of that name has a function of that \
             name"
        );
    }
}

#[test]
fn both_readmes_show_the_example_that_is_compiled() {
    let compiled = block(&read(&root().join("crates/maniple/README.md")), "rust");
    let shown = block(&read(&root().join("README.md")), "rust");
    assert_eq!(shown, compiled, "README.md and crates/maniple/README.md differ");
}

#[test]
fn the_test_command_of_the_readme_is_the_one_of_ci() {
    let readme = read(&root().join("README.md"));
    let command = readme
        .lines()
        .find(|line| line.starts_with("cargo test "))
        .expect("README.md has a line with the test command");
    let script = read(&root().join(".ci/run"));
    assert!(script.contains(command), ".ci/run does not run `{command}`");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the examples stand in the workspace")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", relative(file)))
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The Rust files directly in a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is a member of the workspace");
    entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The Rust files at any depth of one folder of every crate.
fn crate_sources(folder: &str) -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("the workspace has crates");
    let mut found = Vec::new();
    for entry in crates {
        collect_sources(&entry.expect("the folder can be listed").path().join(folder), &mut found);
    }
    found
}

fn collect_sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines before the inline tests, which stand last.
fn production_lines(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    let tests =
        lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    tests.unwrap_or(lines.len())
}

/// The files that git knows. Without git, what belongs to the project cannot be told from what was
/// left lying about, and the sources of the crates have to do.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success());
    match listed {
        Some(output) => String::from_utf8_lossy(&output.stdout)
            .split_terminator('\0')
            .map(|file| root().join(file))
            .collect(),
        None => [crate_sources("src"), crate_sources("tests")].concat(),
    }
}

/// Folders of which the content differs from machine to machine.
const MACHINE_FOLDERS: [&str; 5] = ["home", "root", "Users", "work", "builds"];

/// Whether a line names something in one of those folders, as an absolute path.
fn has_machine_path(line: &str) -> bool {
    let unix = |folder: &&str| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "/._-]})>~#".contains(c))
        })
    };
    MACHINE_FOLDERS.iter().any(unix) || line.contains("C:\\Users\\")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {complaint}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata writes a text here")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    list(&metadata["packages"]).iter()
}

/// What the package itself is built with: no development and no build dependencies.
fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    list(&package["dependencies"]).iter().filter(|dependency| dependency["kind"].is_null())
}

/// The rows `| maniple-x | maniple-y, maniple-z |` of ARCHITECTURE.md, names in backticks.
fn arrows(architecture: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    architecture
        .lines()
        .filter(|line| line.starts_with("| `maniple"))
        .filter_map(|line| {
            let mut columns = line.split('|').skip(1);
            let name = backticked(columns.next()?).next()?;
            Some((name, backticked(columns.next()?).collect()))
        })
        .collect()
}

fn backticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The content of the first fenced block of a language.
fn block(document: &str, language: &str) -> String {
    let fence = format!("```{language}");
    let lines = document.lines().skip_while(|line| *line != fence).skip(1);
    let block: Vec<&str> = lines.take_while(|line| *line != "```").collect();
    assert!(!block.is_empty(), "the document has no block of {language}");
    block.join("\n")
}

/// `file::function`, both in snake case.
fn names_a_test(token: &str) -> bool {
    let part = |part: &str| {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !part.is_empty() && part.chars().all(word)
    };
    token.split_once("::").is_some_and(|(file, function)| part(file) && part(function))
}

/// `file::function` for every function of every crate; a `mod.rs` or `main.rs` goes by its folder too.
fn functions_by_file() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in [crate_sources("src"), crate_sources("tests")].concat() {
        let folder = file.parent().map(stem).unwrap_or_default();
        for line in read(&file).lines() {
            let Some((_, rest)) = line.split_once("fn ") else { continue };
            let function: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(format!("{}::{function}", stem(&file)));
            found.insert(format!("{folder}::{function}"));
        }
    }
    found
}
