//! The agent that does all of it.

use std::sync::Arc;

use async_trait::async_trait;
use maniple::context::relevance::Query;
use maniple::context::{Encoding, Tiktoken, TokenCounter};
use maniple::core::{AgentError, BaseAgent, Effect, Key, RunContext};
use maniple::orchestration::{MapReduce, PatternReport};
use maniple::primers::{PrimeRequest, Primer, builtin};

use crate::choose::{Chosen, choose};
use crate::command::Task;
use crate::problem::Problem;
use crate::progress::Counter;
use crate::read::{TextEncoding, Together, reader};
use crate::walk::{File, Skipped, stat, walk};

/// Writes the brief. Its parts are steps and branches of one run: the walk, and each file.
#[derive(Debug)]
pub(crate) struct Research {
    task: Task,
    number: u64,
    counter: Counter,
}

/// A brief, and what it took.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) task: Task,
    pub(crate) chosen: Chosen,
    pub(crate) tokens_before: usize,
    pub(crate) bytes: u64,
    pub(crate) files: usize,
    pub(crate) repaired: usize,
    /// Files whose content was read by this process.
    pub(crate) read: u64,
    pub(crate) skipped: Skipped,
    pub(crate) children: PatternReport,
}

const NAME: &str = "brief";

/// The step that ends the run of this number, in a session that is used again and again.
pub(crate) fn end_of(number: u64) -> Key {
    Key::new(&format!("/{NAME}[{number}]/end"))
}

impl Research {
    pub(crate) fn new(task: Task, number: u64, counter: Counter) -> Self {
        Self { task, number, counter }
    }
}

#[async_trait]
impl BaseAgent for Research {
    type Input = ();
    type Output = Result<Written, Problem>;

    fn name(&self) -> &str {
        NAME
    }

    async fn run(&self, (): (), cx: &RunContext) -> Result<Self::Output, AgentError> {
        let Task { folder, root, question, budget, jobs, own } = self.task.clone();
        let this = cx.child_at(self.number);

        let listing = {
            let root = root.clone();
            this.step("walk", Effect::Pure, (), |(), _| async move {
                let walking = tokio::task::spawn_blocking(move || walk(&root, &own));
                walking.await.map_err(AgentError::permanent)
            })
            .await?
        };
        let (files, mut skipped) = stat(&root, listing);
        self.counter.expect(files.len());

        // Under a context of their own, so that the files of an earlier run are known.
        let query = Arc::new(Query::new(&question));
        let map =
            MapReduce::new("files", reader(root, query.clone(), self.counter.read()), Together)
                .with_concurrency(jobs.get())
                .key_by(File::key)
                .durable();
        let mapped = map.run_reported(files, &cx.child("files")).await;
        let mut digested = mapped.result?;
        for (reason, paths) in std::mem::take(&mut digested.skipped) {
            skipped.entry(reason).or_default().extend(paths);
        }
        if digested.files.is_empty() {
            return Ok(Err(Problem::Empty { folder, skipped: summary(&skipped) }));
        }

        let counter: Arc<dyn TokenCounter> = Arc::new(Tiktoken::new(Encoding::O200kBase));
        let request = PrimeRequest::new()
            .with_variable("question", question)
            .with_variable("folder", folder)
            .with_variable("files", digested.files.len().to_string());
        let primed = match builtin::research().prime(&request, &*counter).await {
            Ok(primed) => primed,
            Err(error) => return Ok(Err(error.into())),
        };
        let chosen = match choose(&primed.segments, &digested, &query, budget, &counter) {
            Ok(chosen) => chosen,
            Err(problem) => return Ok(Err(problem)),
        };
        this.step("end", Effect::Pure, (), |(), _| async move { Ok(()) }).await?;
        Ok(Ok(Written {
            task: self.task.clone(),
            tokens_before: digested.files.iter().map(|file| file.tokens).sum(),
            bytes: digested.files.iter().map(|file| file.bytes).sum(),
            files: digested.files.len(),
            repaired: digested
                .files
                .iter()
                .filter(|file| file.encoding == TextEncoding::Repaired)
                .count(),
            read: self.counter.so_far(),
            chosen,
            skipped,
            children: mapped.report,
        }))
    }
}

/// How many were skipped, and why.
pub(crate) fn summary(skipped: &Skipped) -> String {
    if skipped.is_empty() {
        return "it holds no files".to_owned();
    }
    let reasons: Vec<_> =
        skipped.iter().map(|(reason, paths)| format!("{} {reason}", paths.len())).collect();
    format!("skipped {}", reasons.join(", "))
}
