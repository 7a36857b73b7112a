//! What each of the two processes does. They do the same: the second one finds what the first has
//! left.

use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;
use maniple::bundles::{Action, Handoff, HandoffDocument, Meta, Sessions, TaskStatus};
use maniple::core::{AgentError, AgentExt, Claim, Class, Effect, Run, RunContext, agent_fn};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::ledger::{Entry, Ledger};

/// What a process that finished says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// Files of which an earlier process had left the receipt.
    pub(crate) replayed: u64,
    /// Files that were in doubt, and in the ledger.
    pub(crate) found: u64,
    pub(crate) worked_on: u64,
    pub(crate) document: HandoffDocument,
}

/// The files to work on, by their paths below the folder, in order.
pub(crate) fn queue(folder: &Path, most: u32) -> Result<Vec<String>, Problem> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    std::fs::read_dir(folder).map_err(Problem::io("read the folder", folder))?;
    let walk = WalkBuilder::new(folder).sort_by_file_path(Path::cmp).build();
    let files = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| {
        let name = entry.path().strip_prefix(folder).ok()?.to_str()?.to_owned();
        std::fs::File::open(entry.path()).ok().map(|_| name)
    });
    Ok(names.take(most).collect())
}

/// Works through the queue; behind `until` files it waits to be killed.
pub(crate) async fn work(
    folder: &Path,
    most: u32,
    until: usize,
    dir: &Path,
) -> Result<(), Problem> {
    let meta = Meta::new("handoff").with_label("folder", folder.to_string_lossy());
    let bundle = Arc::new(Sessions::in_dir(dir).open_or_create(meta).await?);
    let task = |status| Action::Task { name: "queue".into(), status, detail: String::new() };
    bundle.append(task(TaskStatus::Open)).await?;

    let ledger = Ledger::in_dir(dir);
    let run = Run::builder("handoff")
        .with_journal(bundle.clone())
        .with_reconciler(ledger.clone())
        .open()
        .await?;
    let worker = agent_fn("worker", {
        let (folder, to_write): (Arc<Path>, _) = (folder.into(), ledger.clone());
        move |(), cx: RunContext| {
            let (folder, ledger) = (folder.clone(), to_write.clone());
            async move {
                // The queue is a step, so that both processes have the same.
                let list = |most, _| {
                    let queue = queue(&folder, most);
                    async move { queue.map_err(permanent) }
                };
                let queue: Vec<String> = cx.step("queue", Effect::Pure, most, list).await?;
                let (mut files, mut bytes) = (0_u64, 0);
                for (number, file) in queue.into_iter().enumerate() {
                    if number == until {
                        std::future::pending::<()>().await;
                    }
                    files += 1;
                    bytes += work_on(&cx, &folder, &ledger, file).await?;
                }
                Ok((files, bytes, cx.receipts()))
            }
        }
    });
    let (files, bytes, receipts) = run.execute(worker.boxed(), ()).await?;

    bundle.append(task(TaskStatus::Done)).await?;
    let (worked_on, found) = (ledger.added(), ledger.found());
    let claim = Claim { text: format!("all files were worked on, {bytes} bytes"), receipts };
    let summary = format!("{worked_on} files were worked on by this process");
    let document = bundle.hand_off(Handoff::new(summary).with_claim(claim)).await?;
    bundle.close().await?;
    let replayed = files - worked_on - found;
    let finished = Finished { replayed, found, worked_on, document };
    println!("{}", serde_json::to_string(&finished).expect("it has a form in JSON"));
    Ok(())
}

/// Works on a file: a step that must not happen twice.
async fn work_on(
    cx: &RunContext,
    folder: &Path,
    ledger: &Ledger,
    file: String,
) -> Result<u64, AgentError> {
    let place = cx.child(&file);
    place
        .step("work", Effect::Irreversible, file, |file: String, step| async move {
            let path = folder.join(&file);
            let text =
                std::fs::read(&path).map_err(Problem::io("read", &path)).map_err(permanent)?;
            let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let key = step.idempotency_key().to_string();
            // It may have been written where this fails.
            let unsure = |problem| AgentError::new(Class::Indeterminate, problem);
            ledger.add(&Entry { key, file, bytes }).map_err(unsure)?;
            Ok(bytes)
        })
        .await
}

fn permanent(problem: Problem) -> AgentError {
    AgentError::new(Class::Permanent, problem)
}
