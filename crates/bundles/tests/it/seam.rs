//! Every file is reached through the seam, so that what the simulated disk shows holds for all.

use std::path::{Path, PathBuf};

/// What reaches the file system of the operating system: `std::fs`, and what `Path` does by it.
const REACHES: [&str; 12] = [
    "std::fs",
    "std::os",
    "fs::",
    "File::",
    ".exists()",
    ".try_exists()",
    ".is_dir()",
    ".is_file()",
    ".is_symlink()",
    ".metadata()",
    ".symlink_metadata()",
    ".canonicalize()",
];

/// The lines of a source that go around the seam, counted from 1.
fn around(source: &str) -> Vec<usize> {
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let reaches = |line: &str| is_code(line) && REACHES.iter().any(|name| line.contains(name));
    (1..).zip(source.lines()).filter(|(_, line)| reaches(line)).map(|(at, _)| at).collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn only_the_disk_of_the_system_touches_the_system() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    let seam = src.join("disk").join("os.rs");
    assert!(found.contains(&seam) && found.len() > 20, "the sources are not where they were");
    for path in found {
        let lines = around(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(lines.is_empty(), path != seam, "{}: lines {lines:?}", path.display());
    }
}

#[test]
fn the_look_out_sees_who_goes_around() {
    let bad = "use std::fs::File;\n// std::fs\nlet x = 1;\nif dir.is_dir() {}\nFile::open(path)?;";
    assert_eq!(around(bad), [1, 4, 5]);
}
