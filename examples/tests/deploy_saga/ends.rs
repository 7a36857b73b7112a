//! How releases end, and what is there then.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::*;

#[test]
fn a_release_is_shown_and_the_one_before_is_backed_up() {
    let world = World::new();
    let said = world.ends(&[], COMMITTED);
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("Committed: current shows 0001, previous shows nothing;"), "{said}");
    for step in STEPS {
        let line =
            said.lines().find(|line| line.starts_with(&format!("  done                 {step} ")));
        assert!(line.is_some_and(|line| line.ends_with(" s")), "{step}: {said}");
    }
    let first = tree(&world.folder());
    assert_eq!(world.shown(), first);
    assert_eq!(world.link("previous"), None);
    world.assert_clean();

    world.write(2);
    world.ends(&[], COMMITTED);
    assert_eq!(world.shown(), tree(&world.folder()));
    assert_eq!(world.link("current").unwrap(), "releases/0002");
    assert_eq!(world.link("previous").unwrap(), "releases/0001");
    assert_eq!(tree(&world.target().join("previous/")), first);
    world.assert_clean();
}

#[test]
fn the_newest_releases_are_kept_and_what_is_shown_is() {
    let world = World::new();
    for version in 1..=5 {
        world.write(version);
        world.ends(&["--keep", "2"], COMMITTED);
    }
    let releases = |world: &World| {
        let names = fs::read_dir(world.target().join("releases")).unwrap();
        let mut names: Vec<_> =
            names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(releases(&world), ["0004", "0005"]);
    world.ends(&["--keep", "1"], COMMITTED);
    assert_eq!(releases(&world), ["0005", "0006"], "previous shows 0005");
    world.assert_clean();
}

#[test]
fn wherever_a_step_fails_or_panics_everything_is_as_before() {
    let world = World::released();
    for version in 3..=5 {
        world.ends(&[], COMMITTED);
        world.write(version);
    }
    let before = world.visible();
    for trouble in ["--fail-at", "--panic-at"] {
        for step in STEPS {
            // There is something to retire.
            let said = world.ends(&["--keep", "1", trouble, step], COMPENSATED);
            let last = said.lines().last().unwrap();
            let expected = format!(
                "Compensated: current shows 0004, previous shows 0003; step \"{step}\" failed"
            );
            assert!(last.starts_with(&expected), "{said}");
            assert_eq!(world.visible(), before, "{trouble} {step}: {said}");
            world.assert_clean();
        }
    }
    world.ends(&["--keep", "1"], COMMITTED);
    assert_eq!(world.shown(), tree(&world.folder()));
}

#[test]
fn a_first_release_that_fails_leaves_nothing_to_be_shown() {
    let world = World::new();
    for trouble in ["--fail-at", "--panic-at"] {
        for step in STEPS {
            world.ends(&[trouble, step], COMPENSATED);
            assert_eq!((world.link("current"), world.link("previous")), (None, None), "{step}");
            assert_eq!(world.visible().len(), 1, "{:?}", world.visible());
        }
    }
}

#[test]
fn a_command_says_whether_the_release_is_healthy() {
    let world = World::released();
    let before = world.visible();
    let said = world.ends(&["--health", "echo $RELEASE; test ! -e only-2"], COMPENSATED);
    assert!(said.contains("step \"health\" failed"), "{said}");
    assert!(said.contains("exit status: 1"), "{said}");
    assert_eq!(world.visible(), before);
    world.ends(&["--health", "test $RELEASE = 0002 && test -e only-2"], COMMITTED);
}

/// The steps of which something has to be taken back.
const UNDONE: [&str; 4] = ["stage", "backup", "switch", "retire"];

#[test]
fn an_undo_that_fails_parks_the_release_until_it_is_retried() {
    for step in UNDONE {
        let world = World::released();
        let before = world.visible();
        let trouble = ["--panic-at", "retire", "--fail-undo-at", step];
        let said = world.ends(&trouble, PARKED);
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("Parked: current shows 000"), "{said}");
        assert!(last.contains(&format!("--retry {step}, --skip {step} or --resolve {step}")));
        let whole = [tree(&world.folder()), tree(&world.target().join("releases/0001"))];
        assert!(whole.contains(&world.shown()));

        // It stays so, and says so.
        for more in [&["--status"][..], &[], &["--status"]] {
            let said = world.ends(more, PARKED);
            assert!(said.contains(&format!("\n{step} is not taken back: step {step} cannot be")));
        }
        assert!(
            world.ends(&["--status"], PARKED).contains(&format!("  parked               {step}\n"))
        );
        let graph = world.ends(&["--graph"], COMMITTED);
        assert!(graph.starts_with("flowchart LR\n"), "{graph}");
        assert!(graph.contains(&format!("[\"{step}<br/>parked\"]:::parked")), "{graph}");
        let other = if step == "stage" { "switch" } else { "stage" };
        let said = world.ends(&["--retry", other], WRONG);
        assert!(said.contains(&format!("{other} does not wait for a decision")), "{said}");

        // Retried while it still fails, it is parked again.
        world.ends(&["--retry", step, "--fail-undo-at", step], PARKED);
        let said = world.ends(&["--retry", step], COMPENSATED);
        assert!(said.contains(&format!("  taken back           {step} ")), "{said}");
        assert_eq!(world.visible(), before, "{step}");
        world.assert_clean();
        let said = world.ends(&["--retry", step], WRONG);
        assert!(said.contains("does not wait for a decision"), "{said}");
        assert!(world.ends(&["--status"], COMMITTED).contains("no release is unfinished"));
    }
}

#[test]
fn what_a_person_has_seen_to_is_not_taken_back() {
    for decision in
        [&["--skip", "backup"][..], &["--resolve", "backup"], &["--resolve", "backup", "7"]]
    {
        let world = World::released();
        world.ends(&["--fail-at", "health", "--fail-undo-at", "backup"], PARKED);
        assert_eq!(world.link("previous").unwrap(), "releases/0001");
        world.ends(decision, COMPENSATED);
        assert_eq!(world.link("current").unwrap(), "releases/0001");
        assert_eq!(world.link("previous").unwrap(), "releases/0001", "nobody has taken it back");
        world.assert_clean();
    }
}

#[test]
fn what_is_shown_is_never_removed() {
    let world = World::released();
    let new = tree(&world.folder());
    world.ends(&["--fail-at", "health", "--fail-undo-at", "switch"], PARKED);
    let said = world.ends(&["--skip", "switch"], PARKED);
    assert!(said.contains("stage is not taken back: current shows 0002"), "{said}");
    assert_eq!(world.shown(), new);
    // A person lets it show the old one.
    let current = world.target().join("current");
    fs::remove_file(&current).unwrap();
    std::os::unix::fs::symlink("releases/0001", &current).unwrap();
    world.ends(&["--retry", "stage"], COMPENSATED);
    assert!(!world.target().join("releases/0002").exists());
}

#[test]
fn of_what_cannot_be_taken_back_a_person_says_whether_it_happened() {
    let notes = |world: &World| fs::read_to_string(world.path("notes")).unwrap_or_default();
    let told =
        |world: &World| format!("echo $RELEASE >> {}", world.path("notes").to_str().unwrap());
    for (decision, code, times) in [
        (&["--resolve", "notify"][..], COMMITTED, 1),
        (&["--resolve", "notify", "null"], COMMITTED, 1),
        (&["--retry", "notify"], COMMITTED, 2),
        (&["--skip", "notify"], COMPENSATED, 1),
        (&["--resolve", "notify", "7"], PARKED, 1),
    ] {
        let world = World::released();
        let before = world.visible();
        let said = world.ends(&["--notify", &told(&world), "--panic-at", "notify"], PARKED);
        assert!(said.contains("notify may have happened, and cannot be taken back"), "{said}");
        assert_eq!(world.shown(), tree(&world.folder()), "it is not taken back meanwhile");
        world.ends(decision, code);
        assert_eq!(notes(&world), "0002\n".repeat(times), "{decision:?}");
        match code {
            COMPENSATED => assert_eq!(world.visible(), before),
            _ => assert_eq!(world.shown(), tree(&world.folder())),
        }
        if code == PARKED {
            world.ends(&["--resolve", "notify"], COMMITTED);
        }
        world.assert_clean();
    }
    let world = World::released();
    let before = world.visible();
    // It has not begun.
    world.ends(&["--notify", &told(&world), "--fail-at", "notify"], COMPENSATED);
    assert_eq!((world.visible(), notes(&world)), (before, String::new()));
    // It may have done a part.
    world.ends(&["--notify", "exit 1"], PARKED);
}

/// Waits until the program has got so far.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it did not get that far");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn asked_to_stop_it_takes_back_what_was_done() {
    for signal in ["-TERM", "-INT"] {
        for switched in [false, true] {
            let world = World::released();
            let before = world.visible();
            // The command is killed too, and not waited for.
            let running = world.start(&["--pause", "20", "--health", &world.endless()]);
            let staged = world.target().join(".deploy/staged/index.html");
            let two = Some("releases/0002".to_owned());
            wait_until(|| if switched { world.link("current") == two } else { staged.exists() });
            send(signal, running.id());
            let ended = running.wait_with_output().unwrap();
            let said = String::from_utf8(ended.stdout).unwrap();
            assert_eq!(ended.status.code(), Some(COMPENSATED), "{said}");
            assert!(said.contains("\nasked to stop"), "{said}");
            assert_eq!(world.visible(), before, "{said}");
            world.assert_clean();
        }
    }
}

#[test]
fn two_do_not_release_into_one_target_and_status_needs_no_turn() {
    let world = World::released();
    let mut running = world.start(&["--pause", "20", "--health", &world.endless()]);
    let said = || String::from_utf8(world.run(&["--status"]).stdout).unwrap();
    wait_until(|| said().contains("  done                 switch\n"));
    world.ends(&["--status"], UNFINISHED);
    let said = world.ends(&[], FAILED);
    assert!(said.contains("somebody else is releasing into"), "{said}");
    running.kill().unwrap();
    running.wait().unwrap();
    let said = world.ends(&["--health", "true"], WRONG);
    assert!(said.contains("begun with other arguments"), "{said}");
    assert!(said.contains("--health \"while test -e "), "{said}");
}

#[test]
fn a_write_that_fails_is_taken_back() {
    let world = World::released();
    let before = world.visible();
    fs::write(world.folder().join("large"), vec![b'x'; 8 << 20]).unwrap();
    let mut command = Command::new("sh");
    // What is written behind 1 or 2 MiB of a file is refused, as by a full disk: shells differ in what
    // they count.
    command.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh"]);
    command.arg(crate::common::program("deploy_saga")).arg(world.folder()).arg(world.target());
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(COMPENSATED), "{said}");
    assert!(said.contains("cannot write") && said.contains("large"), "{said}");
    assert_eq!(world.visible(), before);
    world.assert_clean();
}

#[test]
fn an_end_that_nobody_has_seen_is_told_again() {
    let account = |world: &World| world.target().join(".deploy/unfinished");
    for (trouble, code, last) in [
        (&["--fail-at", "retire"][..], COMPENSATED, "Compensated: current shows 0001,"),
        (&[], COMMITTED, "Committed: current shows 0002, previous shows 0001;"),
    ] {
        let world = World::released();
        let running = world.start(&[trouble, &["--pause", "20"]].concat());
        wait_until(|| account(&world).exists());
        let text = fs::read(account(&world)).unwrap();
        assert_eq!(running.wait_with_output().unwrap().status.code(), Some(code));
        // As it is where the program is killed behind the end of its run.
        fs::write(account(&world), text).unwrap();
        let before = world.visible();
        let said = world.ends(&[], code);
        assert!(said.lines().last().unwrap().starts_with(last), "{said}");
        assert!(!said.contains("  done    "), "{said}");
        assert_eq!(world.visible(), before);
        world.assert_clean();
    }
}
