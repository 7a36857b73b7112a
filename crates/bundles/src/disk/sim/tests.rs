mod entries;

use super::*;
use crate::disk::write_all_at;

const FILE: &str = "/dir/file";

/// A disk with a durable directory, and a file in it that is not.
fn machine(seed: u64) -> (Machine, Box<dyn DiskFile>) {
    let machine = Machine::new(seed);
    let disk = machine.disk();
    disk.make_dir("/dir".as_ref()).unwrap();
    disk.sync_dir("/".as_ref()).unwrap();
    let file = disk.open(FILE.as_ref(), Access::CreateNew).unwrap();
    (machine, file)
}

/// What different seeds leave of what `act` does.
fn left(survival: Survival, act: impl Fn(&Machine, &mut dyn DiskFile)) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<_> = (0..400)
        .map(|seed| {
            let (machine, mut file) = machine(seed);
            act(&machine, &mut *file);
            machine.crash(survival);
            machine.content(FILE.as_ref())
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

fn sync_entry(machine: &Machine) {
    machine.disk().sync_dir("/dir".as_ref()).unwrap();
}

#[test]
fn what_is_synced_stays_and_an_entry_is_synced_by_itself() {
    let synced = |machine: &Machine, file: &mut dyn DiskFile| {
        write_all_at(file, 0, b"content").unwrap();
        file.sync_data().unwrap();
        sync_entry(machine);
    };
    assert_eq!(left(Survival::Any, synced), [Some(b"content".to_vec())]);
    let without_entry = |_: &Machine, file: &mut dyn DiskFile| {
        write_all_at(file, 0, b"content").unwrap();
        file.sync_all().unwrap();
    };
    assert_eq!(left(Survival::Any, without_entry), [None, Some(b"content".to_vec())]);
}

#[test]
fn sectors_and_lengths_survive_by_themselves() {
    let write = |machine: &Machine, file: &mut dyn DiskFile| {
        sync_entry(machine);
        write_all_at(file, 0, &[1; 1024]).unwrap();
    };
    let any: Vec<_> = left(Survival::Any, write).into_iter().flatten().collect();
    for expected in [vec![], vec![1; 1024], [vec![0; 512], vec![1; 512]].concat(), vec![0; 1024]] {
        assert!(any.contains(&expected), "{} bytes", expected.len());
    }
    let torn = |bytes: &Vec<u8>| !bytes.len().is_multiple_of(512);
    assert!(any.iter().any(torn));
    let in_order: Vec<_> = left(Survival::InOrder, write).into_iter().flatten().collect();
    assert!(in_order.iter().any(torn) && in_order.contains(&vec![1; 1024]));
    assert!(in_order.iter().flatten().all(|byte| *byte == 1), "a beginning has no holes");
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let left = left(Survival::Any, |machine, file| {
        sync_entry(machine);
        write_all_at(file, 0, b"content").unwrap();
        machine.set_faults(Faults { sync_fails: true, ..Faults::default() });
        assert!(file.sync_data().is_err());
        machine.set_faults(Faults::default());
        file.sync_data().unwrap();
        assert_eq!(machine.content(FILE.as_ref()), Some(b"content".to_vec()), "who reads sees it");
    });
    assert!(left.len() > 1 && left.contains(&Some(Vec::new())), "{left:?}");
}

#[test]
fn what_a_sync_failed_to_write_is_written_if_it_is_written_again() {
    let left = left(Survival::Any, |machine, file| {
        sync_entry(machine);
        write_all_at(file, 0, &[1; 2000]).unwrap();
        machine.set_faults(Faults { sync_fails: true, ..Faults::default() });
        assert!(file.sync_data().is_err());
        machine.set_faults(Faults::default());
        file.set_len(0).unwrap();
        write_all_at(file, 0, &[1; 2000]).unwrap();
        file.sync_data().unwrap();
        assert!(!machine.is_in_doubt(FILE.as_ref()));
    });
    assert_eq!(left, [Some(vec![1; 2000])]);
}

#[test]
fn what_is_synced_is_what_is_read_whatever_was_done() {
    for seed in 0..500 {
        let (machine, mut file) = machine(seed);
        let mut dice = Dice::new(!seed);
        let mut model = Vec::new();
        sync_entry(&machine);
        for _ in 0..dice.below(40) {
            let (at, len) = (dice.up_to(5000), dice.up_to(1500));
            match dice.below(8) {
                0..=3 => {
                    let byte = u8::try_from(dice.below(256)).unwrap();
                    write_all_at(&mut *file, u64::try_from(at).unwrap(), &vec![byte; len]).unwrap();
                    if len > 0 {
                        model.resize(model.len().max(at + len), 0);
                        model[at..at + len].fill(byte);
                    }
                }
                4 | 5 => {
                    file.set_len(u64::try_from(at).unwrap()).unwrap();
                    model.resize(at, 0);
                }
                6 => file.sync_data().unwrap(),
                _ => {
                    machine.crash(if len > 700 { Survival::Any } else { Survival::InOrder });
                    model = machine.content(FILE.as_ref()).unwrap();
                    file = machine.disk().open(FILE.as_ref(), Access::Write).unwrap();
                }
            }
            assert_eq!(machine.content(FILE.as_ref()).as_ref(), Some(&model), "history {seed}");
        }
        file.sync_data().unwrap();
        machine.crash(Survival::Any);
        machine.crash(Survival::Any);
        assert_eq!(machine.content(FILE.as_ref()), Some(model), "history {seed}");
    }
}

#[test]
fn sectors_of_a_file_with_room_survive_by_themselves_without_its_length() {
    let write = |machine: &Machine, file: &mut dyn DiskFile| {
        sync_entry(machine);
        write_all_at(file, 0, &vec![0; 65536]).unwrap();
        file.sync_all().unwrap();
        write_all_at(file, 512, &[1; 1024]).unwrap();
    };
    for survival in [Survival::Any, Survival::InOrder] {
        let all: Vec<_> = left(survival, write).into_iter().flatten().collect();
        assert!(all.iter().all(|content| content.len() == 65536));
        let [first, second] = [512, 1024].map(|at| move |c: &Vec<u8>| c[at..at + 512] == [1; 512]);
        let torn = |c: &Vec<u8>| c[512] == 1 && c[1023] == 0;
        assert!(all.iter().any(torn) && all.iter().any(|c| first(c) && second(c)));
        let later_alone = all.iter().any(|c| second(c) && !first(c));
        assert_eq!(later_alone, survival == Survival::Any);
    }
}

#[test]
fn a_dead_process_does_nothing_and_holds_nothing() {
    let (machine, mut file) = machine(1);
    let old = machine.disk();
    file.try_lock().unwrap();
    write_all_at(&mut *file, 0, b"kept").unwrap();
    machine.kill();
    assert!(file.write_at(0, b"late").is_err() && file.sync_all().is_err());
    assert!(old.open(FILE.as_ref(), Access::Read).is_err());
    let mut again = machine.disk().open(FILE.as_ref(), Access::Write).unwrap();
    again.try_lock().unwrap();
    drop(file);
    let mut third = machine.disk().open(FILE.as_ref(), Access::Write).unwrap();
    assert_eq!(third.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(machine.content(FILE.as_ref()), Some(b"kept".to_vec()));
}

#[test]
fn the_same_seed_leaves_the_same() {
    let run = || {
        let (machine, mut file) = machine(7);
        sync_entry(&machine);
        write_all_at(&mut *file, 0, &[1; 9000]).unwrap();
        machine.crash(Survival::Any);
        machine.content(FILE.as_ref())
    };
    assert_eq!(run(), run());
}
