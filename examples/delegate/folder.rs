//! The folder that is asked about.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use ignore::WalkBuilder;
use maniple::context::{Kind, Segment, Source, blocks};

/// What is larger is not prose or code that somebody wrote.
const LARGEST: u64 = 1024 * 1024;
/// How much of a file is looked at to find out whether it is binary, in bytes.
const SNIFF: usize = 8 * 1024;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// In the order of their paths.
    pub(crate) texts: Vec<Text>,
    /// What was not read, by reason.
    pub(crate) skipped: BTreeMap<&'static str, Vec<String>>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Text {
    /// Below the folder.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Files {
    /// The files as a context: blocks of at most so many bytes, each with its lines.
    pub(crate) fn segments(&self, bytes: NonZeroUsize) -> Vec<Segment> {
        let of_file = |file: &Text| {
            let kind = Kind::detect(&file.text, Some(&file.path));
            let segment = |(number, block): (usize, maniple::context::Block<'_>)| {
                let source = Source::new(file.path.as_str()).with_lines(block.lines);
                Segment::new(format!("{}#{number}", file.path), kind, block.text)
                    .with_source(source)
            };
            blocks(&file.text).with_max_bytes(bytes).enumerate().map(segment).collect::<Vec<_>>()
        };
        self.texts.iter().flat_map(of_file).collect()
    }

    /// How many were skipped, and why.
    pub(crate) fn summary(&self) -> String {
        if self.skipped.is_empty() {
            return "it holds no files".to_owned();
        }
        let reasons = self.skipped.iter().map(|(why, paths)| format!("{} {why}", paths.len()));
        format!("skipped {}", reasons.collect::<Vec<_>>().join(", "))
    }

    fn skip(&mut self, why: &'static str, what: String) {
        self.skipped.entry(why).or_default().push(what);
    }
}

/// Reads the texts of a folder, except those that are ignored or hidden.
pub(crate) fn read(root: &Path) -> Files {
    let mut files = Files::default();
    let walk =
        WalkBuilder::new(root).require_git(false).sort_by_file_name(std::cmp::Ord::cmp).build();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                read_file(root, entry.path(), &mut files);
            }
            Ok(_) => {}
            Err(error) => files.skip("unreadable", error.to_string()),
        }
    }
    // As paths are compared, and not folder by folder.
    files.texts.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read_file(root: &Path, path: &Path, files: &mut Files) {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let Some(name) = relative.to_str().map(str::to_owned) else {
        return files.skip("its name is not UTF-8", relative.to_string_lossy().into_owned());
    };
    let bytes = match path.metadata() {
        Ok(metadata) if metadata.len() > LARGEST => return files.skip("over 1 MiB", name),
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) if bytes.iter().take(SNIFF).any(|byte| *byte == 0) => files.skip("binary", name),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => files.skip("empty", name),
            Ok(text) => files.texts.push(Text { path: name, text }),
            Err(_) => files.skip("not UTF-8", name),
        },
        Err(error) => files.skip("unreadable", format!("{name}: {error}")),
    }
}
