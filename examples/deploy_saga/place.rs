//! What is released where.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use maniple::core::{AgentError, AgentEvent, Events, Key, Run};
use maniple::orchestration::{Compensated, ParkedStep};
use tokio::signal::unix::{SignalKind, signal};

use super::Ended;
use super::command::{Command, Trouble};
use super::output::{self, line};
use super::problem::Problem;
use super::release::{Number, Release, Unfinished};
use super::session::Session;
use super::steps;
use super::target::{self, Link, Lock, Target};
use super::tree::{self, Content};
use super::worker::Worker;

/// How many of the newest releases are kept, unless it is said.
const KEEP: NonZeroUsize = NonZeroUsize::new(3).expect("it is not 0");

/// What is released where.
pub(crate) struct Place {
    folder: PathBuf,
    pub(crate) target: Target,
    session: Option<PathBuf>,
}

impl Place {
    pub(crate) fn of(command: &Command) -> Result<Self, Problem> {
        let folder = target::resolved(&command.folder)?;
        let target = Target::at(&command.target)?;
        let session = command.session.as_deref().map(target::resolved).transpose()?;
        let mut pairs = vec![(target.root(), &*folder), (&*folder, target.root())];
        if let Some(session) = &session {
            pairs.extend([(&**session, &*folder), (&**session, target.root())]);
        }
        for (inner, outer) in pairs {
            if inner.starts_with(outer) {
                let (inner, outer) = (inner.to_owned(), outer.to_owned());
                return Err(Problem::Inside { inner, outer });
            }
        }
        Ok(Self { folder, target, session })
    }

    pub(crate) fn session(&self, unfinished: &Unfinished) -> Session {
        let default = || self.target.state("session");
        let folder = unfinished.session.as_ref().map_or_else(default, PathBuf::from);
        Session::new(&folder, &unfinished.run)
    }

    pub(crate) fn check_folder(&self) -> Result<(), Problem> {
        if !self.folder.is_dir() {
            return Err(Problem::NoFolder { folder: self.folder.clone() });
        }
        tree::check(&self.folder).map_err(|fault| {
            let folder = self.folder.clone();
            Problem::Unfit { folder, fault }
        })
    }

    /// Writes down what is released, before anything is done.
    pub(crate) fn begin(&self, command: &Command) -> Result<Unfinished, Problem> {
        self.check_folder()?;
        self.target.sweep()?;
        let (from, previous) =
            (self.target.shown(Link::Current)?, self.target.shown(Link::Previous)?);
        let there = self.target.releases()?.into_iter().chain(from).chain(previous);
        let unfinished = self.asked(Number::behind(there)?, from, previous, command)?;
        unfinished.write(&self.target.unfinished())?;
        Ok(unfinished)
    }

    /// The release that is asked for.
    fn asked(
        &self,
        number: Number,
        from: Option<Number>,
        previous: Option<Number>,
        command: &Command,
    ) -> Result<Unfinished, Problem> {
        let session = self.session.as_deref().map(text).transpose()?;
        let release = Release {
            number,
            folder: text(&self.folder)?,
            from,
            previous,
            keep: command.keep.unwrap_or(KEEP),
            health: command.health.clone(),
            notify: command.notify.clone(),
        };
        Ok(Unfinished::new(session, release))
    }

    /// That an unfinished release is the one that is asked for.
    pub(crate) fn check_same(
        &self,
        unfinished: &Unfinished,
        command: &Command,
    ) -> Result<(), Problem> {
        let Release { number, from, previous, .. } = unfinished.release;
        let asked = self.asked(number, from, previous, command)?;
        let is_it = asked.release == unfinished.release && asked.session == unfinished.session;
        if is_it { Ok(()) } else { Err(self.other_arguments(unfinished)) }
    }

    /// That what a person says besides a decision is not about another release. What is not said is
    /// known.
    pub(crate) fn check_meant(
        &self,
        unfinished: &Unfinished,
        command: &Command,
    ) -> Result<(), Problem> {
        let Release { folder, keep, health, notify, .. } = &unfinished.release;
        let session = self.session.as_deref().map(text).transpose()?;
        let is_it = text(&self.folder)? == *folder
            && command.keep.is_none_or(|asked| asked == *keep)
            && (command.health.is_none() || command.health == *health)
            && (command.notify.is_none() || command.notify == *notify)
            && (session.is_none() || session == unfinished.session);
        if is_it { Ok(()) } else { Err(self.other_arguments(unfinished)) }
    }

    fn other_arguments(&self, unfinished: &Unfinished) -> Problem {
        let (number, call) = (unfinished.release.number, unfinished.call(self.target.root()));
        Problem::OtherArguments { number, call }
    }

    /// Does what is left of a release.
    pub(crate) async fn go_on(
        &self,
        unfinished: &Unfinished,
        command: &Command,
        how: &str,
        _: &Lock,
    ) -> Result<Ended, Problem> {
        let began = Instant::now();
        let release = &unfinished.release;
        output::begins(release, self.target.root(), how)?;
        let worker = Worker::new(self.target.clone(), command.trouble.clone());
        let saga = steps::saga(&worker, release.notify.as_ref())?;
        let session = self.session(unfinished).open().await?;
        let builder = Run::builder(steps::ROOT).with_journal(session.clone());
        let mut events = builder.events().keep_all();
        let run = builder.open().await?;
        let executing = run.execute(saga, release.clone());
        let mut telling = Telling::default();
        let executed = watched(&run, executing, &mut events, &mut telling).await?;
        run.quiesce().await;
        drop(run);
        while let Some(event) = events.next().await {
            telling.event(&event.expect("all are kept"));
        }
        session.close().await?;
        let ended = match executed {
            Ok(Content { files, bytes, .. }) => {
                self.target.end()?;
                line(format_args!(
                    "Committed: {}; {files} files, {bytes} bytes, {}",
                    output::links(&self.target)?,
                    output::seconds(&began.elapsed())
                ))?;
                Ended::Well
            }
            Err(error @ AgentError::Parked { .. }) => {
                let records = self.session(unfinished).records().await?;
                let parked = ParkedStep::of(&unfinished.run, &records);
                if parked.is_empty() {
                    return Err(error.into());
                }
                parked.iter().try_for_each(output::parked)?;
                let (shown, step) = (output::links(&self.target)?, &parked[0].step);
                line(format_args!("Parked: {shown}; decide with {}", output::decisions(step)))?;
                Ended::Parked
            }
            Err(error) => {
                let Some(compensated) = compensated(&error) else { return Err(error.into()) };
                self.target.end()?;
                let shown = output::links(&self.target)?;
                let undone = match &compensated.undone[..] {
                    [] => "nothing".to_owned(),
                    steps => steps.join(", "),
                };
                line(format_args!("Compensated: {shown}; {compensated}: {undone}"))?;
                Ended::Compensated
            }
        };
        telling.0.map_or(Ok(ended), Err)
    }

    /// Says how far it is, also while somebody else releases.
    pub(crate) async fn status(&self, unfinished: Option<&Unfinished>) -> Result<Ended, Problem> {
        line(format_args!("{}", output::links(&self.target)?))?;
        let Some(unfinished) = unfinished else {
            line(format_args!("no release is unfinished"))?;
            return Ok(Ended::Well);
        };
        let records = self.session(unfinished).records().await?;
        let worker = Worker::new(self.target.clone(), Trouble::none());
        let saga = steps::saga(&worker, unfinished.release.notify.as_ref())?;
        output::status(&unfinished.release, &saga.status(&Key::new("/release"), &records))?;
        let parked = ParkedStep::of(&unfinished.run, &records);
        parked.iter().try_for_each(output::parked)?;
        let Some(ParkedStep { step, .. }) = parked.first() else {
            line(format_args!("it goes on with {}", unfinished.call(self.target.root())))?;
            return Ok(Ended::Unfinished);
        };
        line(format_args!("decide with {}", output::decisions(step)))?;
        Ok(Ended::Parked)
    }

    /// Draws the steps, and how far they are.
    pub(crate) async fn graph(
        &self,
        unfinished: Option<&Unfinished>,
        command: &Command,
    ) -> Result<Ended, Problem> {
        let worker = Worker::new(self.target.clone(), Trouble::none());
        let notify = unfinished.map_or(&command.notify, |unfinished| &unfinished.release.notify);
        let saga = steps::saga(&worker, notify.as_ref())?;
        let status = match unfinished {
            Some(unfinished) => {
                let records = self.session(unfinished).records().await?;
                saga.status(&Key::new("/release"), &records)
            }
            None => Vec::new(),
        };
        line(format_args!("{}", saga.to_mermaid(&status).trim_end()))?;
        Ok(Ended::Well)
    }
}

/// What says that everything was taken back.
fn compensated(error: &AgentError) -> Option<&Compensated> {
    match error {
        AgentError::Failed { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

/// Tells of each step, and cancels the run where the program is asked to stop.
async fn watched<T>(
    run: &Run,
    executing: impl Future<Output = Result<T, AgentError>>,
    events: &mut Events,
    telling: &mut Telling,
) -> Result<Result<T, AgentError>, Problem> {
    let hear = |kind| signal(kind).map_err(|source| Problem::Runtime { source });
    let (mut interrupt, mut terminate) =
        (hear(SignalKind::interrupt())?, hear(SignalKind::terminate())?);
    let mut executing = std::pin::pin!(executing);
    loop {
        tokio::select! {
            Some(event) = events.next() => telling.event(&event.expect("all are kept")),
            executed = &mut executing => return Ok(executed),
            Some(()) = interrupt.recv() => telling.stop(run),
            Some(()) = terminate.recv() => telling.stop(run),
        }
    }
}

/// Tells how far it is. That nobody can be told stops no release half-way, and is a problem at its end.
#[derive(Debug, Default)]
struct Telling(Option<Problem>);

impl Telling {
    fn event(&mut self, event: &AgentEvent) {
        self.keep(output::event(event));
    }

    fn stop(&mut self, run: &Run) {
        run.cancel();
        self.keep(line(format_args!("asked to stop: what is not done is not begun")));
    }

    fn keep(&mut self, told: Result<(), Problem>) {
        self.0 = self.0.take().or(told.err());
    }
}

/// As it is written down.
fn text(path: &Path) -> Result<String, Problem> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Problem::NotUnicode { path: path.to_owned() })
}
