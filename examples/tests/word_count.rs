//! The program `word_count` beside `sort | uniq -c`, and as a user meets it: killed, given bad input,
//! run again.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

fn word_count(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(common::program("word_count"));
    command.arg(folder).args(more).stdin(Stdio::null());
    command
}

fn run(folder: &Path, more: &[&str]) -> Output {
    word_count(folder, more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was printed, of a run that has succeeded.
fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The pipeline that the program's help shows.
fn uniq(folder: &Path) -> String {
    let help =
        printed(&Command::new(common::program("word_count")).arg("--help").output().unwrap());
    let lines = help.lines().skip_while(|line| !line.contains("LC_ALL=C"));
    let script: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let script = script.join("\n").replace("FOLDER", r#""$0""#);
    assert!(script.contains("sort | uniq -c"), "{script}");
    let output = Command::new("sh").args(["-c", &script]).arg(folder).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", said(&output));
    printed(&output)
}

/// Files of all kinds that somebody may have.
fn odd_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    fs::create_dir_all(folder.path().join("deep/er")).unwrap();
    write("plain.txt", b"The rose is a rose, the Rose is THE rose.\n");
    write("no line feed", b"rose");
    write("empty", b"");
    write("only bytes between words", b" -- \n\xff\0");
    write("latin", b"caf\xe9 na\xefve rose");
    write("utf-8", "Straße, naïve, ΑΒΓ x2 3x\r\nrose".as_bytes());
    write("binary", b"rose\0rose\x01\x02rosE\x7f\x80rose");
    write(".hidden", b"hidden rose");
    write("ignored.log", b"ignored rose");
    write(".gitignore", b"*.log");
    write("a name\nof two lines", b"two lines");
    write("deep/er/long", "longest".repeat(30_000).as_bytes());
    write("deep/many", "rose is a 0 1 22 333 four\n".repeat(5_000).as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;
        let name = std::ffi::OsStr::from_bytes(b"not \xff UTF-8");
        fs::write(folder.path().join(name), "named oddly").unwrap();
        symlink(folder.path(), folder.path().join("deep/loop")).unwrap();
        symlink("plain.txt", folder.path().join("link")).unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
    }
    folder
}

/// A folder with so many files of so many lines.
fn folder(files: usize, lines: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..files {
        let text = format!("file {i} has words such as w{} and W{}\n", i % 17, i % 5);
        fs::write(folder.path().join(format!("{i:03}.txt")), text.repeat(lines)).unwrap();
    }
    folder
}

#[test]
fn it_says_what_uniq_says() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let expected = uniq(&crates);
    assert!(expected.lines().count() > 1000);
    assert_eq!(printed(&run(&crates, &[])), expected);
    assert_eq!(printed(&run(&crates, &["--jobs", "1"])), expected);
    assert_eq!(printed(&run(&crates, &["--jobs", "7", "--chunk", "1000"])), expected);
}

#[test]
fn it_says_what_uniq_says_of_odd_files_and_chunks_of_any_size() {
    let folder = odd_folder();
    let expected = uniq(folder.path());
    assert!(expected.contains(" caf\n"), "bytes that are not ASCII lie between words");
    assert_eq!(printed(&run(folder.path(), &[])), expected);
    for chunk in ["100", "101", "4096", "65535", "65537", "70000"] {
        assert_eq!(printed(&run(folder.path(), &["--chunk", chunk])), expected, "{chunk}");
    }
    // Borders everywhere in a word, and around it.
    let small = tempfile::tempdir().unwrap();
    fs::write(small.path().join("a"), "ab  c def,g\n\nab hij").unwrap();
    fs::write(small.path().join("b"), " ab").unwrap();
    let expected = uniq(small.path());
    for chunk in ["1", "2", "3", "4", "5", "6", "7", "100"] {
        assert_eq!(printed(&run(small.path(), &["--chunk", chunk])), expected, "{chunk}");
    }
}

#[test]
fn top_prints_the_first_and_counts_all() {
    let folder = folder(3, 2);
    let all = printed(&run(folder.path(), &[]));
    let output = run(folder.path(), &["--top", "2"]);
    let first: Vec<&str> = all.lines().take(2).collect();
    assert_eq!(printed(&output).lines().collect::<Vec<_>>(), first);
    let summary = format!("3 files, 210 bytes: 54 words, {} different", all.lines().count());
    assert!(said(&output).contains(&summary), "{}", said(&output));
    assert_eq!(printed(&run(folder.path(), &["--top", "0"])), "");
}

#[test]
fn whoever_has_seen_enough_may_close_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let words: Vec<String> = (0..50_000).map(|i| format!("word{i}")).collect();
    fs::write(folder.path().join("words"), words.join(" ")).unwrap();
    let mut running = word_count(folder.path(), &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    let mut out = running.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("panicked"));
}

#[test]
fn a_killed_count_goes_on_without_reading_a_finished_chunk_again() {
    // Of each file two chunks.
    let folder = folder(150, 40);
    let session = tempfile::tempdir().unwrap();
    let path = session.path().join("s").to_string_lossy().into_owned();
    let arguments = ["--jobs", "2", "--chunk", "1000", "--session", &path];
    let finished = || {
        let log = common::log(Path::new(&path));
        log.lines().filter(|line| line.contains(r#"{"receipt":"#)).count()
    };
    let unkilled = printed(&run(folder.path(), &["--chunk", "1000"]));
    let mut kills = 0;
    for target in [1, 15, 40, 80, 120, 200] {
        let mut running = word_count(folder.path(), &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        kills +=
            usize::from(common::kill_once(&mut running, Duration::ZERO, || finished() >= target));
    }
    assert!(kills >= 3, "only {kills} of the processes were killed in time");

    let known = finished();
    assert!(known >= 120, "finished chunks were lost");
    let last = run(folder.path(), &arguments);
    assert_eq!(printed(&last), unkilled);
    let (read, replayed) = chunks(&said(&last));
    // The last line may have been torn by the kill, and its chunk is then read again.
    assert!(replayed + 1 >= known && replayed <= known, "{replayed} of {known} replayed");
    assert_eq!(read + replayed, chunks_of(folder.path()));

    let again = run(folder.path(), &arguments);
    assert_eq!(printed(&again), unkilled);
    assert!(said(&again).contains("0 files read, 150 replayed"), "{}", said(&again));
}

#[test]
fn what_was_being_read_at_a_kill_and_is_gone_for_a_while_is_counted_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let sub = folder.path().join("sub");
    let files = self::folder(150, 40);
    fs::rename(files.path(), &sub).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let session = elsewhere.path().join("s").to_string_lossy().into_owned();
    let arguments = ["--jobs", "4", "--session", &session];
    let unkilled = printed(&run(folder.path(), &[]));

    let mut running = word_count(folder.path(), &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let finished = || common::log(Path::new(&session)).matches("receipt").count();
    assert!(
        common::kill_once(&mut running, Duration::ZERO, || finished() >= 15),
        "not killed in time"
    );

    // The files stay what they were, because only their folder is moved.
    fs::rename(&sub, elsewhere.path().join("aside")).unwrap();
    assert_eq!(printed(&run(folder.path(), &arguments)), "");
    fs::rename(elsewhere.path().join("aside"), &sub).unwrap();
    let back = run(folder.path(), &arguments);
    assert_eq!(printed(&back), unkilled);
    assert!(chunks(&said(&back)).1 >= 14, "{}", said(&back));
}

/// How many chunks were read, and how many replayed.
fn chunks(said: &str) -> (usize, usize) {
    let (_, rest) = said.split_once("from the session (").unwrap();
    let mut numbers = rest.split_whitespace().filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// How many chunks of 1000 bytes the files have.
fn chunks_of(folder: &Path) -> usize {
    let sizes = fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    usize::try_from(sizes.map(|size| size.div_ceil(1000)).sum::<u64>()).unwrap()
}

#[test]
fn a_session_counts_what_the_folder_holds_now() {
    let folder = folder(5, 1);
    let session = folder.path().join("session").to_string_lossy().into_owned();
    let count = |says: &str| {
        let output = run(folder.path(), &["--session", &session]);
        assert!(said(&output).contains(says), "{says}: {}", said(&output));
        printed(&output)
    };
    let path = |name: &str| folder.path().join(name);
    let before = count("5 files read, 0 replayed");
    assert_eq!(count("0 files read, 5 replayed"), before, "the session is no part of the folder");

    fs::write(path("001.txt"), "changed").unwrap();
    fs::write(path("new.txt"), "another").unwrap();
    fs::remove_file(path("002.txt")).unwrap();
    let changed = count("2 files read, 3 replayed");
    assert_eq!(changed, printed(&run(&only_files(&folder, "changed"), &[])));
    assert!(changed.contains(" changed\n") && changed.contains(" another\n"));

    // Of the same size, and its time set back.
    let times = fs::metadata(path("001.txt")).unwrap().modified().unwrap();
    fs::write(path("001.txt"), "CHARGED").unwrap();
    fs::File::options().write(true).open(path("001.txt")).unwrap().set_modified(times).unwrap();
    if cfg!(unix) {
        assert!(count("1 files read, 4 replayed").contains(" charged\n"));
    }

    // What was moved away and has come back is the same again, or is read again.
    fs::rename(path("003.txt"), path("session/aside")).unwrap();
    count("0 files read, 4 replayed");
    fs::rename(path("session/aside"), path("003.txt")).unwrap();
    assert_eq!(count("5 files, "), printed(&run(&only_files(&folder, "back"), &[])));
}

/// A folder with copies of the files, and without the session.
fn only_files(folder: &TempDir, name: &str) -> std::path::PathBuf {
    let copies = folder.path().join("session").join(name);
    fs::create_dir(&copies).unwrap();
    for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), copies.join(file.file_name())).unwrap();
        }
    }
    copies
}

#[test]
#[cfg(unix)]
fn what_cannot_be_read_is_told_and_left_out_and_tried_again() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(2, 1);
    let session = tempfile::tempdir().unwrap();
    let session = session.path().join("s").to_string_lossy().into_owned();
    let locked = folder.path().join("locked");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(&locked).unwrap();
    for secret in [folder.path().join("secret"), locked.join("inside")] {
        fs::write(&secret, "secret").unwrap();
    }
    set(&folder.path().join("secret"), 0o000);
    set(&locked, 0o000);
    if fs::File::open(folder.path().join("secret")).is_ok() {
        println!("not tested: this user may read everything");
        set(&locked, 0o700);
        return;
    }
    let output = run(folder.path(), &["--session", &session]);
    assert!(!printed(&output).contains("secret"));
    for says in ["secret: Permission denied", "locked", "2 files and folders left out"] {
        assert!(said(&output).contains(says), "{says}: {}", said(&output));
    }
    set(&folder.path().join("secret"), 0o600);
    set(&locked, 0o700);
    let output = run(folder.path(), &["--session", &session]);
    assert!(printed(&output).contains("      2 secret\n"));
    assert!(said(&output).contains("2 files read, 2 replayed"), "{}", said(&output));

    for name in ["000.txt", "001.txt"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    set(&folder.path().join("secret"), 0o000);
    set(&locked, 0o000);
    let output = run(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("none of the 2 files and folders can be read"));
    set(&locked, 0o700);
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = folder(1, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_string_lossy().into_owned();
    fs::write(path("file"), "text").unwrap();
    let here = folder.path().to_string_lossy().into_owned();
    let (file, missing, session, damaged) =
        (path("file"), path("missing"), path("session"), path("damaged"));
    for session in [&session, &damaged] {
        printed(&run(folder.path(), &["--session", session]));
    }
    common::damage(Path::new(&damaged), "count", "coumt");

    let cases: [(&str, &[&str], i32, &str); 7] = [
        (&missing, &[], 2, "cannot read the folder"),
        (&file, &[], 2, "is a file"),
        (&here, &["--jobs", "0"], 2, "--jobs"),
        (&here, &["--top", "-1"], 2, "-1"),
        (&here, &["--chunk", "0"], 2, "--chunk"),
        (&here, &["--session", &file], 1, "cannot create the directory"),
        (&here, &["--session", &damaged], 1, "is damaged at line"),
    ];
    for (folder, arguments, code, says) in cases {
        common::check_refused(&run(Path::new(folder), arguments), code, says);
    }
    let output = Command::new(common::program("word_count")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_empty_folder_has_no_words() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &[]);
    assert_eq!(printed(&output), "");
    assert!(said(&output).contains("0 files, 0 bytes: 0 words"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_does_not_have_to_fit_into_memory() {
    const MIB: u64 = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let lines = "a rose is a rose and so on\n".repeat(40_000);
    let file = folder.path().join("large");
    fs::write(&file, lines.repeat(96)).unwrap();
    let size = fs::metadata(&file).unwrap().len();
    assert!(size > 96 * MIB);

    let mut running = word_count(folder.path(), &["--jobs", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    while running.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(printed(&running.wait_with_output().unwrap()).starts_with("7680000 a\n7680000 rose\n"));
    println!("{size} bytes were counted in {peak} bytes of memory");
    assert!(peak > 0 && peak < 32 * MIB, "{peak} bytes of memory");
}
