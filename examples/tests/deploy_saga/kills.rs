//! What is left after SIGKILL.

use std::process::Stdio;
use std::time::Duration;

use crate::common;
use crate::world::*;

fn kills() -> u64 {
    let asked = std::env::var("MANIPLE_KILLS").ok();
    asked.map_or(20, |kills| kills.parse().expect("MANIPLE_KILLS is a number"))
}

/// The same numbers each time (Marsaglia's xorshift); that the kills differ is seen to by the clocks.
struct Numbers(u64);

impl Numbers {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What is wrong with a release while it runs, and how it ends.
const ENDS: [(&[&str], i32); 5] = [
    (&[], COMMITTED),
    (&["--fail-at", "health"], COMPENSATED),
    (&["--panic-at", "retire"], COMPENSATED),
    (&["--fail-at", "retire", "--fail-undo-at", "backup"], PARKED),
    (&["--fail-at", "retire", "--fail-undo-at", "stage"], PARKED),
];

#[test]
fn killed_anywhere_it_shows_a_whole_release_and_ends() {
    let mut numbers = Numbers(0x5EED);
    let (mut killed, mut version, mut ended) = (0, 1, [0; ENDS.len()]);
    let world = World::released();
    while killed < kills() {
        version += 1;
        world.write(version);
        let before = world.visible();
        let whole = [world.shown(), tree(&world.folder())];
        let which = usize::try_from(numbers.up_to(ENDS.len() as u64)).unwrap();
        let (trouble, code) = ENDS[which];
        let more = [trouble, &["--keep", "2", "--pause", "2"]].concat();
        // Mostly so early that it does not get to its end.
        let (mut most, mut by) = (1 + numbers.up_to(4), 0);
        while most > 0 {
            let mut running =
                world.command(&more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let then = Duration::from_micros(numbers.up_to(250_000));
            if !common::kill_once(&mut running, then, || true) {
                break;
            }
            (most, killed, by) = (most - 1, killed + 1, by + 1);
            assert!(whole.contains(&world.shown()), "version {version}, {trouble:?}: torn");
        }
        let said = world.run(&more);
        let text = String::from_utf8(said.stdout.clone()).unwrap();
        // Where it had ended before it was killed, this was another one with the same folder, and
        // the same trouble.
        assert_eq!(said.status.code(), Some(code), "{trouble:?}: {text}");
        ended[which] += 1;
        assert!(whole.contains(&world.shown()), "version {version}, {trouble:?}: torn");
        match code {
            COMMITTED => assert_eq!(world.shown(), whole[1], "{text}"),
            COMPENSATED => assert_eq!(world.visible(), before, "{by} kills, {trouble:?}: {text}"),
            _ => {
                let step = trouble[3];
                world.ends(&["--retry", step], COMPENSATED);
                assert_eq!(world.visible(), before, "{by} kills, {trouble:?}: {text}");
            }
        }
        world.assert_clean();
    }
    println!("killed {killed} times; of the kinds of releases there were {ended:?}");
}

#[test]
fn killed_while_it_tells_somebody_it_is_parked_and_tells_nobody_twice() {
    let world = World::released();
    let notes = world.path("notes");
    let command = format!("echo $RELEASE >> {}; {}", notes.to_str().unwrap(), world.endless());
    let more = ["--notify", &command];
    let mut running = world.start(&more);
    let is_told = || notes.exists();
    assert!(common::kill_once(&mut running, Duration::ZERO, is_told));
    for _ in 0..2 {
        let said = world.ends(&more, PARKED);
        assert!(said.contains("notify may have happened"), "{said}");
    }
    assert_eq!(world.shown(), tree(&world.folder()));
    world.ends(&["--resolve", "notify"], COMMITTED);
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "0002\n");
    world.assert_clean();
}
