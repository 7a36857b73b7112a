//! Who judges, and what of the folder each has to read.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::Path;

use clap::ValueEnum;
use maniple::core::{AgentError, BaseAgent, Class, Classify, RunContext, agent_fn};
use serde::{Deserialize, Serialize};

use crate::desk::Desk;
use crate::evidence::{Evidence, Vocabulary, called_in};
use crate::language::Language;
use crate::walk::{File, Folder};

/// Shebangs and modelines are looked for in the first so many bytes of a file.
const HEAD: u64 = 1024;

/// The quickest first: this is the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Judge {
    /// By the names of build manifests: Cargo.toml, package.json, pyproject.toml, go.mod, …
    Manifests,
    /// By how many files there are of each extension
    Files,
    /// By how many bytes the files of each extension have
    Bytes,
    /// By what shebangs and modelines say; reads the beginning of every file
    Shebangs,
    /// By lines that are not blank; reads every file of a known extension
    Lines,
    /// By words that are typical of a language, whatever a file is called; reads every file
    Words,
}

/// A judge, and in which place it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    pub(crate) place: usize,
    pub(crate) judge: Judge,
}

/// What a judge has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opinion {
    pub(crate) language: Language,
    /// How much of what was weighed speaks for the language.
    pub(crate) weight: u64,
    /// How much there was to weigh.
    pub(crate) of: u64,
    /// Files that the judge could not read.
    pub(crate) unreadable: u64,
}

/// Why a judge says nothing.
#[derive(Debug, thiserror::Error)]
enum NoOpinion {
    #[error("there are no {what}{}", Unreadable(*unreadable))]
    NoEvidence { what: &'static str, unreadable: u64 },
    #[error("there are as many {what} of {one} as of {other}{}", Unreadable(*unreadable))]
    Tied { what: &'static str, one: Language, other: Language, unreadable: u64 },
}

impl Classify for NoOpinion {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

struct Unreadable(u64);

impl Opinion {
    /// The share of what speaks for the language, as if one more thing spoke against it: one manifest
    /// alone says less than a thousand files.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts as far as 2 to the power of 53")]
    pub(crate) fn confidence(&self) -> f64 {
        self.weight as f64 / (self.of + 1) as f64
    }
}

impl Judge {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Manifests => "manifests",
            Self::Files => "files",
            Self::Bytes => "bytes",
            Self::Shebangs => "shebangs",
            Self::Lines => "lines",
            Self::Words => "words",
        }
    }

    /// What it weighs.
    pub(crate) fn weighs(self) -> &'static str {
        match self {
            Self::Manifests => "build manifests",
            Self::Files => "source files",
            Self::Bytes => "bytes of source files",
            Self::Shebangs => "shebangs and modelines",
            Self::Lines => "lines of source files",
            Self::Words => "typical words",
        }
    }

    /// How much of a file it reads, if it reads it.
    pub(crate) fn reads(self, file: &File) -> Option<u64> {
        match self {
            Self::Manifests | Self::Files | Self::Bytes => None,
            Self::Shebangs => Some(file.bytes.min(HEAD)),
            Self::Lines => Language::of_extension(&file.path).map(|_| file.bytes),
            Self::Words => Some(file.bytes),
        }
    }

    /// The agent that judges.
    pub(crate) fn agent(
        self,
        desk: Desk,
    ) -> impl BaseAgent<Input = Folder, Output = Opinion> + use<> {
        agent_fn(self.name(), move |folder: Folder, cx| {
            let desk = desk.clone();
            async move {
                // Reading keeps a thread busy, so it gets one of its own.
                let judging = tokio::task::spawn_blocking(move || self.judge(&folder, &desk, &cx));
                match judging.await {
                    Ok(judged) => judged,
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    Err(error) => Err(AgentError::transient(error)),
                }
            }
        })
    }

    /// Looks between files whether it is wanted any more.
    fn judge(self, folder: &Folder, desk: &Desk, cx: &RunContext) -> Result<Opinion, AgentError> {
        desk.begins(self);
        let vocabulary = Vocabulary::new();
        let typed = folder.folders_with("tsconfig.json");
        let mut evidence = Evidence::default();
        let mut unreadable = 0;
        for file in folder.files.iter() {
            cx.check()?;
            let mut text = Vec::new();
            if let Some(most) = self.reads(file) {
                match read(&folder.root.join(&file.path), most) {
                    Ok(read) => text = read,
                    Err(_) => unreadable += 1,
                }
                desk.has_read(self, most);
            }
            let of_extension = || Language::of_extension(&file.path);
            match self {
                Self::Manifests => {
                    evidence.add(Language::of_manifest(&file.path, &typed), 1);
                }
                Self::Files => evidence.add(of_extension(), 1),
                Self::Bytes => evidence.add(of_extension(), file.bytes),
                Self::Shebangs => evidence.add(called_in(&text), 1),
                Self::Lines => evidence.add(of_extension(), lines(&text)),
                Self::Words => {
                    let (language, words) = vocabulary.spoken_in(&text);
                    evidence.add(language, words);
                }
            }
        }
        let judged = self.conclude(&evidence, unreadable);
        if let Err(why) = &judged {
            desk.has_failed(self, why.to_string());
        }
        Ok(judged?)
    }

    fn conclude(self, evidence: &Evidence, unreadable: u64) -> Result<Opinion, NoOpinion> {
        let what = self.weighs();
        match evidence.ranking()[..] {
            [(one, most), (other, same), ..] if most == same => {
                Err(NoOpinion::Tied { what, one, other, unreadable })
            }
            [(language, weight), ..] => {
                Ok(Opinion { language, weight, of: evidence.sum(), unreadable })
            }
            [] => Err(NoOpinion::NoEvidence { what, unreadable }),
        }
    }
}

/// The first bytes of a file.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut text)?;
    Ok(text)
}

/// Lines that are not blank.
fn lines(text: &[u8]) -> u64 {
    text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64
}

/// The name that is journaled, whatever the place.
impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.judge.name())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            files => write!(f, " ({files} files cannot be read)"),
        }
    }
}
