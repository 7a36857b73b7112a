//! What a session costs over the system calls that it cannot do without.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use benches::table::{Bar, Failed, Fastest, grouped, note};
use futures::future::try_join_all;
use maniple::bundles::{Action, ContextBundle, Durability, Meta, Point, Sessions};
use maniple::core::{Effect, Outcome, Payload, Run, agent_fn};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Records in a turn.
const RECORDS: usize = 256;
const WRITERS: usize = 64;
const TURNS: usize = 12;
/// The text of a record, in bytes.
const TEXT: usize = 1024;
/// Actions that are replayed.
const MANY: u64 = 1_000_000;
const PROMPT: usize = 200 * 1024;
const CONVERSATION: usize = 100;
const GIGABYTE: u64 = 1 << 30;

pub(crate) fn rows(runtime: &Runtime) -> Result<(), Failed> {
    appends(runtime)?;
    steps(runtime)?;
    snapshots(runtime)?;
    remounts(runtime)?;
    sizes(runtime)
}

fn record(number: usize) -> Action {
    let words = format!("record {number} of a session, in some words; ");
    let text = words.repeat(TEXT / words.len() + 1)[..TEXT].to_owned();
    Action::Note { text }
}

/// How long the line of such a record is.
fn line_bytes(dir: &Path, runtime: &Runtime) -> Result<usize, Failed> {
    let bundle = runtime.block_on(Sessions::in_dir(dir).create(Meta::new("length")))?;
    runtime.block_on(bundle.append(record(0)))?;
    runtime.block_on(bundle.close())?;
    let chunk = dir.join(bundle.id().to_string()).join(format!("{:020}.jsonl", 0));
    let text = std::fs::read_to_string(chunk)?;
    Ok(text.lines().nth(1).ok_or("no line")?.len() + 1)
}

fn appends(runtime: &Runtime) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let line = vec![b'x'; line_bytes(folder.path(), runtime)?];
    let sessions = Sessions::in_dir(folder.path());
    let synced = Arc::new(runtime.block_on(sessions.create(Meta::new("synced")))?);
    let buffered = sessions.with_durability(Durability::Buffered);
    let buffered = Arc::new(runtime.block_on(buffered.create(Meta::new("buffered")))?);
    let [mut one, mut many, mut floor, mut batches, mut writes, mut each, mut sqlite] =
        [Fastest::default(); 7];
    let hop = Hop::start(folder.path(), &line, TURNS)?;
    let mut plain = File::create(folder.path().join("plain"))?;
    let database = Connection::open(folder.path().join("plain.sqlite"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch("CREATE TABLE line (seq INTEGER PRIMARY KEY, bytes BLOB)")?;
    for _ in 0..TURNS {
        floor.turn(runtime, hop.clone().write_all())?;
        one.turn(runtime, one_after_the_other(synced.clone()))?;
        many.turn(runtime, all_at_once(synced.clone()))?;
        let began = Instant::now();
        for _ in 0..RECORDS / WRITERS {
            plain.write_all(&line.repeat(WRITERS))?;
        }
        writes.0 = writes.0.min(began.elapsed());
        let began = Instant::now();
        for _ in 0..RECORDS {
            plain.write_all(&line)?;
        }
        each.0 = each.0.min(began.elapsed());
        batches.turn(runtime, all_at_once(buffered.clone()))?;
        let began = Instant::now();
        let mut insert = database.prepare("INSERT INTO line (bytes) VALUES (?1)")?;
        for _ in 0..RECORDS {
            insert.execute([&line])?;
        }
        sqlite.0 = sqlite.0.min(began.elapsed());
    }
    Bar::Ratio(1.15).judge("durable append, over pwrite and fdatasync", one, floor);
    Bar::Ratio(0.125).judge("durable append, 64 writers", many, floor);
    note("  beside it: SQLite insert, WAL, synchronous FULL", sqlite.over(floor), "x");
    Bar::Ratio(3.0).judge("buffered append in batches of 64, over write", batches, writes);
    note("  over a write for each record", batches.over(each), "x");
    note("  hashing what is written, over write", hashing(&line).over(writes), "x");
    Ok(())
}

/// What the chain alone costs.
fn hashing(line: &[u8]) -> Fastest {
    let mut fastest = Fastest::default();
    for _ in 0..TURNS {
        let began = Instant::now();
        for _ in 0..RECORDS {
            black_box(blake3::hash(black_box(line)));
        }
        fastest.0 = fastest.0.min(began.elapsed());
    }
    fastest
}

async fn one_after_the_other(bundle: Arc<ContextBundle>) -> Result<(), Failed> {
    for number in 0..RECORDS {
        bundle.append(record(number)).await?;
    }
    Ok(())
}

async fn all_at_once(bundle: Arc<ContextBundle>) -> Result<(), Failed> {
    for _ in 0..RECORDS / WRITERS {
        try_join_all((0..WRITERS).map(|number| bundle.append(record(number)))).await?;
    }
    Ok(())
}

/// A thread that writes and syncs lines into room that was made before.
#[derive(Clone)]
struct Hop {
    jobs: mpsc::Sender<oneshot::Sender<std::io::Result<()>>>,
}

impl Hop {
    fn start(dir: &Path, line: &[u8], turns: usize) -> Result<Self, Failed> {
        let mut file = OpenOptions::new().create_new(true).write(true).open(dir.join("floor"))?;
        file.write_all(&vec![0; line.len() * RECORDS * turns])?;
        file.sync_all()?;
        let (jobs, queue) = mpsc::channel::<oneshot::Sender<std::io::Result<()>>>();
        let line = line.to_vec();
        std::thread::spawn(move || {
            let mut at = 0;
            for done in queue {
                let written = file.write_all_at(&line, at).and_then(|()| file.sync_data());
                at += u64::try_from(line.len()).unwrap_or(0);
                let _ = done.send(written);
            }
        });
        Ok(Self { jobs })
    }

    async fn write_all(self) -> Result<(), Failed> {
        for _ in 0..RECORDS {
            let (done, answer) = oneshot::channel();
            self.jobs.send(done)?;
            answer.await??;
        }
        Ok(())
    }
}

/// Steps of a run, over the syncs that they cannot do without.
fn steps(runtime: &Runtime) -> Result<(), Failed> {
    const STEPS: usize = 100;
    let folder = tempfile::tempdir()?;
    let line = vec![b'x'; 300];
    let hop = Hop::start(folder.path(), &line, TURNS)?;
    let [mut pure, mut idempotent, mut floor] = [Fastest::default(); 3];
    for turn in 0..TURNS {
        floor.turn(runtime, hop.clone().write_all())?;
        for (effect, fastest) in [(Effect::Pure, &mut pure), (Effect::Idempotent, &mut idempotent)]
        {
            let meta = Meta::new(format!("{effect} {turn}"));
            let journal = runtime.block_on(Sessions::in_dir(folder.path()).create(meta))?;
            // The first append makes a chunk, which no step pays for.
            runtime.block_on(journal.append(record(turn)))?;
            let run = runtime.block_on(Run::builder("steps").with_journal(journal).open())?;
            let agent = agent_fn("agent", move |(): (), cx| async move {
                for number in 0..STEPS {
                    cx.step("step", effect, number, |number, _| async move { Ok(number) }).await?;
                }
                Ok(())
            });
            fastest.turn(runtime, async move { Ok(run.execute(agent, ()).await?) })?;
        }
    }
    // What the floor wrote are other numbers of records.
    let sync = floor.0.as_secs_f64() / f64::from(u32::try_from(RECORDS)?);
    let steps = f64::from(u32::try_from(STEPS)?);
    let per_step = |fastest: Fastest| fastest.0.as_secs_f64() / steps;
    Bar::Ratio(1.3)
        .print("durable step with an effect, over 2 syncs", per_step(idempotent) / sync / 2.0);
    Bar::Ratio(1.3).print("durable pure step, over 1 sync", per_step(pure) / sync);
    Ok(())
}

fn snapshots(runtime: &Runtime) -> Result<(), Failed> {
    const KEYS: usize = 200;
    const EACH: usize = 20;
    let folder = tempfile::tempdir()?;
    let sessions = Sessions::in_dir(folder.path());
    let bundle = Arc::new(runtime.block_on(sessions.create(Meta::new("snapshot")))?);
    let set = (0..KEYS).map(|key| bundle.set(format!("key {key}"), &"value ".repeat(40)));
    runtime.block_on(try_join_all(set))?;
    runtime.block_on(bundle.snapshot())?;
    let dir = folder.path().join(bundle.id().to_string());
    let bytes = std::fs::read(dir.join("snapshot.json"))?;
    let [mut ours, mut bare] = [Fastest::default(); 2];
    for _ in 0..TURNS {
        let (bundle, bytes, dir) = (bundle.clone(), bytes.clone(), folder.path().to_owned());
        ours.turn(runtime, async move {
            for _ in 0..EACH {
                bundle.snapshot().await?;
            }
            Ok(())
        })?;
        bare.turn(runtime, async move {
            for _ in 0..EACH {
                let mut file = File::create(dir.join("new"))?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(dir.join("new"), dir.join("bare"))?;
                File::open(&dir)?.sync_all()?;
            }
            Ok(())
        })?;
    }
    Bar::Ratio(1.2).judge("snapshot, over write, fsync, rename, fsync", ours, bare);
    Ok(())
}

fn remounts(runtime: &Runtime) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let sessions = Sessions::in_dir(folder.path()).with_durability(Durability::Buffered);
    let bundle = runtime.block_on(sessions.create(Meta::new("long")))?;
    let mut last = None;
    for number in 0..MANY {
        let key = format!("key {}", number % 1000);
        last = Some(bundle.set(key, &number));
        if number % 10_000 == 0
            && let Some(last) = last.take()
        {
            runtime.block_on(last)?;
        }
    }
    if let Some(last) = last {
        runtime.block_on(last)?;
    }
    runtime.block_on(bundle.close())?;
    let id = bundle.id();
    let dir = folder.path().join(id.to_string());
    let remount = || -> Result<_, Failed> {
        let began = Instant::now();
        let bundle = runtime.block_on(sessions.remount(id))?;
        let took = began.elapsed();
        if bundle.state().values().len() != 1000 {
            return Err("values were lost".into());
        }
        Ok((bundle, took))
    };
    let [mut replayed, mut bare, mut with_snapshot] = [Fastest::default(); 3];
    for _ in 0..3 {
        replayed.0 = replayed.0.min(remount()?.1);
        let began = Instant::now();
        if read_barely(&dir)? != MANY {
            return Err("the bare reader lost lines".into());
        }
        bare.0 = bare.0.min(began.elapsed());
    }
    let (bundle, _) = remount()?;
    runtime.block_on(bundle.snapshot())?;
    runtime.block_on(bundle.close())?;
    for _ in 0..5 {
        with_snapshot.0 = with_snapshot.0.min(remount()?.1);
    }
    Bar::Ratio(1.25).judge("remount, over a bare reader of the same lines", replayed, bare);
    let name = format!("remount of {} actions by a snapshot", grouped(MANY));
    Bar::Ratio(0.05).judge(&name, with_snapshot, replayed);
    Ok(())
}

/// Parses each line and checks the chain, and nothing else. Returns how many actions there are.
fn read_barely(dir: &Path) -> Result<u64, Failed> {
    #[derive(Deserialize)]
    struct Line<'a> {
        h: &'a str,
        #[serde(borrow)]
        b: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Body {
        action: Action,
    }
    let mut chunks: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    chunks.retain(|entry| entry.path().extension().is_some_and(|kind| kind == "jsonl"));
    chunks.sort_by_key(std::fs::DirEntry::path);
    let mut actions = 0;
    let mut head: Option<[u8; 32]> = None;
    for chunk in chunks {
        let bytes = std::fs::read(chunk.path())?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Line { h, b } = serde_json::from_slice(line)?;
            let Ok(Body { action }) = serde_json::from_str::<Body>(b.get()) else { continue };
            black_box(action);
            actions += 1;
            if let Some(head) = head {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&head).update(b.get().as_bytes());
                if hasher.finalize().to_hex().as_str() != h {
                    return Err("the chain is broken".into());
                }
            }
            head = Some(*blake3::Hash::from_hex(h)?.as_bytes());
        }
    }
    Ok(actions)
}

/// What lies on the disk, against what was new.
fn sizes(runtime: &Runtime) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let sessions = Sessions::in_dir(folder.path()).with_durability(Durability::Buffered);
    let bundle = runtime.block_on(sessions.create(Meta::new("conversation")))?;
    let prompt: String = (0..).map(|n| format!("rule {n}: be brief. ")).take(PROMPT / 20).collect();
    let mut new = prompt.len();
    for turn in 0..CONVERSATION {
        let question = format!("question {turn} ").repeat(200);
        let request = serde_json::json!({"system": prompt, "user": question});
        new += question.len();
        runtime.block_on(bundle.append(Action::ToolCall {
            tool: "model".into(),
            arguments: Payload::encode(&request).map_err(|error| error.to_string())?,
            outcome: Outcome::Ok(Payload::encode("yes").map_err(|error| error.to_string())?),
        }))?;
    }
    runtime.block_on(bundle.close())?;
    let bytes = |count: u64| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let stored = bytes(disk_usage(&folder.path().join(bundle.id().to_string()))?);
    let new = bytes(u64::try_from(new)?);
    Bar::Ratio(1.1).print("disk of 100 turns with one prompt of 200 KiB", stored / new);

    let bundle = runtime.block_on(sessions.create(Meta::new("large")))?;
    let mut written = 0;
    for number in 0_u64.. {
        if written >= GIGABYTE {
            break;
        }
        let text = format!("{number} ").repeat(500_000);
        written += u64::try_from(text.len())?;
        runtime.block_on(bundle.append(Action::Note { text }))?;
    }
    let before = disk_usage(folder.path())?;
    let began = Instant::now();
    let first = runtime.block_on(bundle.fork(1, Meta::new("fork")))?;
    let second = runtime.block_on(bundle.fork(Point::End, Meta::new("fork")))?;
    let took = began.elapsed();
    let copied = disk_usage(folder.path())? - before;
    Bar::MiB(0.05)
        .print("disk of two forks of a session of 1 GiB", bytes(copied) / f64::from(1 << 20));
    note("  the forks took", took.as_secs_f64() * 1000.0, "ms");
    drop((first, second));
    Ok(())
}

fn disk_usage(dir: &Path) -> Result<u64, Failed> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { disk_usage(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
