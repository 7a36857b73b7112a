use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn bytes(text: &str) -> usize {
    text.len()
}

fn lines(text: &str, room: usize) -> Vec<String> {
    let folded = LogFold::new(text).render(&bytes, room).unwrap();
    folded.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_kind_is_told_with_its_ranges() {
    let mut log = String::new();
    for at in 0..50 {
        let _ = writeln!(
            log,
            "2024-05-01 10:00:{at:02}.5 INFO [w{}] took {} ms for 10.0.0.{at}",
            at % 3,
            at + 7
        );
    }
    log.push_str("2024-05-01 10:01:00.5 WARN disk sda1 is full\n");
    assert_eq!(
        lines(&log, 1_000),
        [
            "50× 2024-05-01 10:00:00.5<..10:00:49.5> INFO [w0<0..2>] took 7<7..56> ms for 10.0.0.0<…>",
            "2024-05-01 10:01:00.5 WARN disk sda1 is full",
        ]
    );
}

#[test]
fn a_log_without_times_has_line_numbers() {
    let log = "started\nstep 1.5 done\nstep -2 done\nstep 10.25 done\n".repeat(3);
    assert_eq!(
        lines(&log, 1_000),
        ["3× (lines 1–9) started", "9× (lines 2–12) step 1.5<-2..10.25> done"]
    );
}

#[test]
fn words_are_values_only_with_evidence() {
    let users = ["ann", "bob", "cid", "dan", "eve"];
    let mut log = String::new();
    for at in 0..20 {
        let _ = writeln!(log, "login of user {} accepted on port {at}", users[at % 5]);
        let _ = writeln!(log, "link on port eth{at} is {}", ["red", "blue"][at % 2]);
    }
    let found = lines(&log, 2_000);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("user ann<bob|cid|dan|…> accepted on port 0<0..19>"), "{found:#?}");
    assert!(found[1].ends_with("is red") && found[2].ends_with("is blue"), "{found:#?}");
}

#[test]
fn a_stack_trace_stays_with_its_line_and_in_full() {
    let java = "10:00:01 ERROR request 1 failed\njava.io.IOException: closed\n\tat a.B.c(B.java:10)\n\tat a.D.e(D.java:20)\nCaused by: java.net.X: y\n\t... 3 more\n";
    let python = "10:00:02 WARN retry\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nValueError: bad\n";
    let quiet = "10:00:03 INFO fine\n".repeat(30);
    let log = format!("{quiet}{java}{java}{quiet}{python}");
    let fold = LogFold::new(&log);
    assert_eq!((fold.records(), fold.kinds(), fold.alarms()), (63, 3, 2));
    let folded = fold.render(&bytes, 1_000).unwrap();
    assert!(folded.contains(&format!("\n2× (lines 31–37) {java}")), "{folded}");
    assert!(folded.ends_with(python), "{folded}");
}

#[test]
fn status_codes_tell_failures_apart() {
    let request = |code: u32| format!("10.0.0.1 \"GET /a/b HTTP/1.1\" {code} 17\n");
    let log =
        request(200).repeat(40) + &request(503) + "run: exit code 0\n" + "run: exit code 137\n";
    let fold = LogFold::new(&log);
    assert_eq!((fold.kinds(), fold.alarms()), (4, 2));
}

#[test]
fn what_is_no_alarm_and_frequent_is_left_out_first() {
    let mut log = String::new();
    let words = ["alpha", "beta", "gamma", "delta", "kappa", "sigma"];
    for (at, word) in words.iter().enumerate() {
        for _ in 0..=at * at * at {
            let _ = writeln!(log, "{word} {word}ing the {word}ful thing is done by {word}");
        }
    }
    let alarm = "could not open the file that all of this is about: permission denied\n";
    log.push_str(&alarm.repeat(400));
    let folded = LogFold::new(&log).render(&bytes, 330).unwrap();
    assert!(folded.len() <= 330);
    assert!(folded.contains("permission denied"), "{folded}");
    assert!(folded.contains("alpha alphaing"), "{folded}");
    assert!(!folded.contains("sigma sigmaing"), "{folded}");
    let told: usize = 231 + 400;
    let shown: usize = folded
        .lines()
        .skip(1)
        .map(|line| line.split_once('×').map_or(1, |(times, _)| times.parse().unwrap()))
        .sum();
    assert!(folded.contains(&format!("of {} lines left out", told - shown)), "{folded}");
}

#[test]
fn prose_is_not_folded() {
    let prose: String = (0..40).map(|at| "x".repeat(at) + " tells it\n").collect();
    assert_eq!(reduce_log(&prose, &bytes, 100_000), None);
    assert_eq!(reduce_log("", &bytes, 100_000), None);
}

#[test]
fn more_kinds_than_are_told_apart_are_counted() {
    let line = |at: usize| -> String {
        let letters =
            (0..4).map(|place| char::from(b'a' + u8::try_from(at >> (5 * place) & 15).unwrap()));
        letters.flat_map(|letter| [letter, 'q', letter, ' ']).collect()
    };
    let log: String = (0..1 << 17).map(|at| line(at) + "\n").collect();
    let fold = LogFold::new(&log);
    assert_eq!(fold.records(), 1 << 17);
    assert!(fold.kinds() <= 1 << 16);
}

proptest! {
    #[test]
    fn a_fold_fits_and_accounts_for_every_line(
        log in r"(([0-9]{1,3}|ERROR|x=y|/a/b|  at f|\t|é|[ -~]|abc ){1,6}\n){0,60}", room in 0_usize..2_000,
    ) {
        let fold = LogFold::new(&log);
        if let Some(folded) = fold.render(&bytes, room) {
            prop_assert!(folded.len() <= room);
        }
        let lines = log.lines().filter(|line| !line.trim_end().is_empty()).count();
        prop_assert_eq!(fold.templates.iter().map(|template| template.lines).sum::<usize>(), lines);
    }
}
