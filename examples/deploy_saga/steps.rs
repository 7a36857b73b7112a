//! The steps of a release. Each can be done again where it was killed, and looks for itself at what it
//! takes back; only what was told to somebody cannot be.

use maniple::core::Effect;
use maniple::core::policy::RetryPolicy;
use maniple::orchestration::{Handle, Saga, SagaBuilder, SagaError, Undo};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::command::Step;
use super::fault::Fault;
use super::release::Release;
use super::shell;
use super::target::Target;
use super::tree::Content;
use super::worker::{Hand, Worker};

/// The saga is the root agent of the run.
pub(crate) const ROOT: &str = "release";

/// The release as a saga, with a step that tells somebody if there is a command for that.
pub(crate) fn saga(
    worker: &Worker,
    notify: Option<&String>,
) -> Result<Saga<Release, Content>, SagaError> {
    let mut saga = Saga::builder(ROOT);
    saga.with_undo_retry(RetryPolicy::filesystem());
    let staged = changing(&mut saga, worker, Step::Stage, Target::stage, Target::unstage);
    reading(&mut saga, worker, Step::Checksum, staged, Target::compare);
    changing(&mut saga, worker, Step::Backup, Target::back_up, Target::undo_back_up);
    changing(&mut saga, worker, Step::Switch, Target::switch, Target::switch_back);
    reading(&mut saga, worker, Step::Health, staged, |target, release, staged, hand| {
        target.check_health(release, staged, hand)?;
        match &release.health {
            Some(command) => {
                shell::run(command, &target.release(release.number), release.number, hand)
            }
            None => Ok(()),
        }
    });
    changing(&mut saga, worker, Step::Retire, Target::retire, Target::unretire);
    if let Some(command) = notify {
        let (worker, command, effect) = (worker.clone(), command.clone(), Effect::Irreversible);
        saga.step(Step::Notify.name())
            .run(effect, move |release: Release, (), cx| {
                let command = command.clone();
                worker.clone().act(Step::Notify, effect, cx, move |target, hand| {
                    shell::run(&command, &target.release(release.number), release.number, hand)
                })
            })
            .cannot_undo();
    }
    saga.build(staged)
}

/// A step that changes the target, and what takes it back.
fn changing<O>(
    saga: &mut SagaBuilder<Release>,
    worker: &Worker,
    step: Step,
    act: fn(&Target, &Release, &Hand) -> Result<O, Fault>,
    undo: fn(&Target, &Release) -> Result<(), Fault>,
) -> Handle<O>
where
    O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (acting, undoing, effect) = (worker.clone(), worker.clone(), Effect::Idempotent);
    saga.step(step.name())
        .run(effect, move |release: Release, (), cx| {
            acting.clone().act(step, effect, cx, move |target, hand| act(target, &release, hand))
        })
        .undo(move |undo_of: Undo<Release, (), O>, cx| {
            undoing.clone().undo(step, undo_of, cx, undo)
        })
}

/// A step that compares what was staged with what is there, and changes nothing.
fn reading(
    saga: &mut SagaBuilder<Release>,
    worker: &Worker,
    step: Step,
    staged: Handle<Content>,
    read: fn(&Target, &Release, &Content, &Hand) -> Result<(), Fault>,
) {
    let (worker, effect) = (worker.clone(), Effect::Pure);
    saga.step(step.name())
        .given(staged)
        .run(effect, move |release: Release, staged: Content, cx| {
            worker
                .clone()
                .act(step, effect, cx, move |target, hand| read(target, &release, &staged, hand))
        })
        .nothing_to_undo();
}
