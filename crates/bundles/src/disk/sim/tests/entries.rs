use std::collections::BTreeSet;

use super::*;

const OTHER: &str = "/other/file";
const NEW: &str = "/dir/new";

/// A disk with two directories and, in one of them, a file that says `old`, all of it durable.
fn machine(seed: u64) -> Machine {
    let (machine, mut file) = super::machine(seed);
    let disk = machine.disk();
    disk.make_dir("/other".as_ref()).unwrap();
    sync(&machine, "/");
    write_all_at(&mut *file, 0, b"old").unwrap();
    file.sync_all().unwrap();
    sync(&machine, "/dir");
    machine
}

/// What different seeds leave at some paths of what `act` does.
fn left<const N: usize>(
    survival: Survival,
    paths: [&str; N],
    act: impl Fn(&Machine, &SimDisk),
) -> BTreeSet<[Option<String>; N]> {
    let seeds = 0..400;
    seeds
        .map(|seed| {
            let machine = machine(seed);
            act(&machine, &machine.disk());
            machine.crash(survival);
            let found = paths.map(|path| text(&machine, path));
            machine.crash(Survival::Any);
            assert_eq!(found, paths.map(|path| text(&machine, path)), "what is found stays");
            found
        })
        .collect()
}

fn text(machine: &Machine, path: &str) -> Option<String> {
    Some(String::from_utf8(machine.content(path.as_ref())?).unwrap())
}

fn sync(machine: &Machine, dir: &str) {
    machine.disk().sync_dir(dir.as_ref()).unwrap();
}

/// Makes a file with a durable content, and an entry that is not.
fn create(disk: &SimDisk, path: &str, content: &str) {
    let mut file = disk.open(path.as_ref(), Access::CreateNew).unwrap();
    write_all_at(&mut *file, 0, content.as_bytes()).unwrap();
    file.sync_all().unwrap();
}

fn set_sync_dir_fails(machine: &Machine, sync_dir_fails: bool) {
    machine.set_faults(Faults { sync_dir_fails, ..Faults::default() });
}

/// What can be found, with `-` for nothing.
fn outcomes<const N: usize, const M: usize>(all: [[&str; N]; M]) -> BTreeSet<[Option<String>; N]> {
    let found = |text: &str| (text != "-").then(|| text.to_owned());
    all.map(|texts| texts.map(found)).into()
}

#[test]
fn a_rename_in_a_directory_leaves_the_old_the_new_or_both() {
    let rename = |machine: &Machine, disk: &SimDisk| {
        create(disk, NEW, "new");
        sync(machine, "/dir");
        disk.rename(NEW.as_ref(), FILE.as_ref()).unwrap();
    };
    let half_done = outcomes([["new", "old"], ["new", "new"], ["-", "new"]]);
    for survival in [Survival::Any, Survival::InOrder] {
        assert_eq!(left(survival, [NEW, FILE], rename), half_done);
    }
    let synced = |machine: &Machine, disk: &SimDisk| {
        rename(machine, disk);
        sync(machine, "/dir");
    };
    assert_eq!(left(Survival::Any, [NEW, FILE], synced), outcomes([["-", "new"]]));
}

#[test]
fn a_rename_may_survive_where_the_creation_does_not() {
    let replace = |_: &Machine, disk: &SimDisk| {
        create(disk, NEW, "new");
        disk.rename(NEW.as_ref(), FILE.as_ref()).unwrap();
    };
    let all = outcomes([["-", "old"], ["new", "old"], ["-", "new"], ["new", "new"]]);
    assert_eq!(left(Survival::Any, [NEW, FILE], replace), all);
}

#[test]
fn two_names_of_a_file_both_stay_when_one_is_renamed_to_the_other() {
    let mut seen = 0;
    for seed in 0..100 {
        let machine = machine(seed);
        create(&machine.disk(), NEW, "new");
        sync(&machine, "/dir");
        machine.disk().rename(NEW.as_ref(), FILE.as_ref()).unwrap();
        machine.crash(Survival::Any);
        if [NEW, FILE].map(|path| text(&machine, path).as_deref() == Some("new")) == [true; 2] {
            seen += 1;
            let disk = machine.disk();
            disk.rename(NEW.as_ref(), FILE.as_ref()).unwrap();
            assert_eq!(text(&machine, NEW).as_deref(), Some("new"));
            disk.remove(NEW.as_ref()).unwrap();
            assert_eq!(text(&machine, FILE).as_deref(), Some("new"));
        }
    }
    assert!(seen > 0);
}

#[test]
fn a_rename_between_directories_is_lost_by_halves_unless_the_new_one_is_synced_first() {
    let rename = |_: &Machine, disk: &SimDisk| {
        disk.rename(FILE.as_ref(), OTHER.as_ref()).unwrap();
    };
    let all = outcomes([["old", "-"], ["old", "old"], ["-", "old"], ["-", "-"]]);
    assert_eq!(left(Survival::Any, [FILE, OTHER], rename), all);
    let new_first = |machine: &Machine, disk: &SimDisk| {
        rename(machine, disk);
        sync(machine, "/other");
    };
    let not_lost = outcomes([["old", "old"], ["-", "old"]]);
    assert_eq!(left(Survival::Any, [FILE, OTHER], new_first), not_lost);
    let both = |machine: &Machine, disk: &SimDisk| {
        new_first(machine, disk);
        sync(machine, "/dir");
    };
    assert_eq!(left(Survival::Any, [FILE, OTHER], both), outcomes([["-", "old"]]));
}

#[test]
fn what_was_removed_may_come_back_until_the_directory_is_synced() {
    let remove = |_: &Machine, disk: &SimDisk| disk.remove(FILE.as_ref()).unwrap();
    assert_eq!(left(Survival::Any, [FILE], remove), outcomes([["-"], ["old"]]));
    let synced = |machine: &Machine, disk: &SimDisk| {
        remove(machine, disk);
        sync(machine, "/dir");
    };
    assert_eq!(left(Survival::Any, [FILE], synced), outcomes([["-"]]));
    let made_again = |machine: &Machine, disk: &SimDisk| {
        remove(machine, disk);
        create(disk, FILE, "new");
    };
    let all = outcomes([["-"], ["old"], ["new"]]);
    assert_eq!(left(Survival::Any, [FILE], made_again), all);
}

#[test]
fn a_directory_may_be_lost_with_all_that_was_synced_in_it() {
    let make = |machine: &Machine, disk: &SimDisk| {
        disk.make_dir("/made".as_ref()).unwrap();
        create(disk, "/made/file", "content");
        sync(machine, "/made");
    };
    assert_eq!(left(Survival::Any, ["/made/file"], make), outcomes([["-"], ["content"]]));
    let synced = |machine: &Machine, disk: &SimDisk| {
        make(machine, disk);
        sync(machine, "/");
    };
    assert_eq!(left(Survival::Any, ["/made/file"], synced), outcomes([["content"]]));
}

#[test]
fn what_is_left_of_a_file_without_a_name_counts_for_nothing() {
    let mut judged = BTreeSet::new();
    for seed in 0..400 {
        let machine = machine(seed);
        let mut file = machine.disk().open(NEW.as_ref(), Access::CreateNew).unwrap();
        write_all_at(&mut *file, 0, &[1; 2000]).unwrap();
        let in_order = machine.crash(Survival::Any);
        judged.insert((machine.content(NEW.as_ref()).is_some(), in_order));
    }
    assert_eq!(judged, [(false, true), (true, false), (true, true)].into());
}

#[test]
fn a_directory_that_was_removed_may_come_back_with_what_was_in_it() {
    let remove = |_: &Machine, disk: &SimDisk| {
        create(disk, NEW, "new");
        disk.sync_dir("/dir".as_ref()).unwrap();
        for path in [FILE, NEW] {
            disk.remove(path.as_ref()).unwrap();
        }
        disk.remove_dir("/dir".as_ref()).unwrap();
    };
    let all = outcomes([["-", "-"], ["old", "-"], ["-", "new"], ["old", "new"]]);
    assert_eq!(left(Survival::Any, [FILE, NEW], remove), all);
    let synced = |machine: &Machine, disk: &SimDisk| {
        remove(machine, disk);
        sync(machine, "/");
    };
    assert_eq!(left(Survival::Any, [FILE, NEW], synced), outcomes([["-", "-"]]));
}

#[test]
fn a_sync_of_a_directory_that_failed_is_not_made_good_by_the_next() {
    let fail = |machine: &Machine, disk: &SimDisk| {
        create(disk, NEW, "new");
        disk.remove(FILE.as_ref()).unwrap();
        set_sync_dir_fails(machine, true);
        assert!(disk.sync_dir("/dir".as_ref()).is_err());
        set_sync_dir_fails(machine, false);
        sync(machine, "/dir");
        let seen = [NEW, FILE].map(|path| text(machine, path));
        assert_eq!(seen, [Some("new".into()), None], "who reads sees it");
    };
    let all = outcomes([["-", "-"], ["-", "old"], ["new", "-"], ["new", "old"]]);
    assert_eq!(left(Survival::Any, [NEW, FILE], fail), all);
    let again = |machine: &Machine, disk: &SimDisk| {
        fail(machine, disk);
        disk.remove(NEW.as_ref()).unwrap();
        create(disk, NEW, "newer");
        create(disk, FILE, "newer");
        sync(machine, "/dir");
        assert!(!machine.is_in_doubt("/".as_ref()));
    };
    assert_eq!(left(Survival::Any, [NEW, FILE], again), outcomes([["newer", "newer"]]));
}

#[test]
fn what_a_sync_of_a_directory_lost_is_in_doubt() {
    let mut doubts = BTreeSet::new();
    for seed in 0..50 {
        let machine = machine(seed);
        let disk = machine.disk();
        disk.make_dir("/dir/below".as_ref()).unwrap();
        create(&disk, "/dir/below/file", "content");
        disk.remove(FILE.as_ref()).unwrap();
        set_sync_dir_fails(&machine, true);
        disk.sync_dir("/dir".as_ref()).unwrap_err();
        let paths = ["/dir/below", "/dir/below/file", FILE, "/dir", "/", "/other"];
        let doubt = paths.map(|path| machine.is_in_doubt(path.as_ref()));
        let [below, file, removed, dir, root, other] = doubt;
        assert!(below == file && dir == root && dir == (below || removed) && !other);
        doubts.insert([below, removed]);
        machine.crash(Survival::Any);
        let came = [!machine.disk().is_dir(paths[0].as_ref()), text(&machine, FILE).is_some()];
        assert_eq!(came, [below, removed]);
        assert!(!machine.is_in_doubt("/".as_ref()));
    }
    assert_eq!(doubts.len(), 4);
}

#[test]
fn a_disk_that_forgets_keeps_all_else() {
    let act = |forgets: Option<Forgets>| {
        left(Survival::Any, [FILE, NEW, OTHER], move |machine, _| {
            let disk = machine.disk();
            let disk = forgets.map_or(disk.clone(), |forgets| disk.forgetting(forgets));
            create(&disk, OTHER, "long");
            disk.sync_dir("/other".as_ref()).unwrap();
            create(&disk, NEW, "");
            disk.sync_dir("/dir".as_ref()).unwrap();
            disk.remove(NEW.as_ref()).unwrap();
            disk.rename(FILE.as_ref(), "/dir/renamed".as_ref()).unwrap();
            disk.sync_dir("/dir".as_ref()).unwrap();
        })
    };
    assert_eq!(act(None), outcomes([["-", "-", "long"]]));
    let of = |forgets| act(Some(forgets));
    assert_eq!(of(Forgets::Length), outcomes([["-", "-", "long"], ["-", "-", ""]]));
    assert_eq!(of(Forgets::Renames), outcomes([["-", "-", "long"], ["old", "-", "long"]]));
    assert_eq!(of(Forgets::Removals), outcomes([["-", "-", "long"], ["-", "", "long"]]));
}

#[test]
fn any_operation_can_fail_and_then_does_nothing() {
    type Operation = fn(&SimDisk, &mut dyn DiskFile) -> io::Result<()>;
    let operations: [Operation; 18] = [
        |disk, _| disk.make_dir("/made".as_ref()),
        |disk, _| if disk.is_dir("/dir".as_ref()) { Ok(()) } else { Err(ErrorKind::Other.into()) },
        |disk, _| disk.is_file(FILE.as_ref()).map(drop),
        |disk, _| disk.is_own_dir("/dir".as_ref()).map(drop),
        |disk, _| disk.open(NEW.as_ref(), Access::CreateNew).map(drop),
        |disk, _| disk.list("/dir".as_ref()).map(drop),
        |disk, _| disk.rename(FILE.as_ref(), NEW.as_ref()),
        |disk, _| disk.rename(FILE.as_ref(), OTHER.as_ref()),
        |disk, _| disk.remove(FILE.as_ref()),
        |disk, _| disk.remove_dir("/other".as_ref()),
        |disk, _| disk.sync_dir("/dir".as_ref()),
        |_, file| file.read_at(0, &mut [0; 8]).map(drop),
        |_, file| file.write_at(0, b"new").map(drop),
        |_, file| file.len().map(drop),
        |_, file| file.set_len(0),
        |_, file| file.sync_data(),
        |_, file| file.try_lock(),
        |_, file| file.unlock(),
    ];
    for (place, operation) in operations.into_iter().enumerate() {
        let machine = machine(1);
        let disk = machine.disk();
        let mut file = disk.open(FILE.as_ref(), Access::Write).unwrap();
        let before = format!("{:?}", machine.state().tree);
        let asked = machine.operations();
        machine.set_faults(Faults { fails_after: Some(0), ..Faults::default() });
        let refused = operation(&disk, &mut *file).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Other, "operation {place}");
        assert_eq!(format!("{:?}", machine.state().tree), before, "operation {place}");
        operation(&disk, &mut *file).unwrap();
        assert_eq!(machine.operations(), asked + 2, "operation {place}");
        machine.set_faults(Faults { dies_after: Some(0), ..Faults::default() });
        assert!(operation(&disk, &mut *file).is_err() && disk.list("/".as_ref()).is_err());
    }
}

#[test]
fn a_disk_that_refuses_changes_nothing() {
    let (machine, none) = (machine(1), Faults::default);
    let disk = machine.disk();
    let before = format!("{:?}", machine.state().tree);
    let read_only = (Faults { read_only: true, ..none() }, ErrorKind::ReadOnlyFilesystem);
    let forbidden = (Faults { forbidden: true, ..none() }, ErrorKind::PermissionDenied);
    for (faults, kind) in [read_only, forbidden] {
        machine.set_faults(faults);
        for refused in [
            disk.rename(FILE.as_ref(), OTHER.as_ref()),
            disk.remove(FILE.as_ref()),
            disk.remove_dir("/other".as_ref()),
        ] {
            assert_eq!(refused.unwrap_err().kind(), kind);
        }
        let listed = disk.list("/dir".as_ref()).map_err(|error| error.kind());
        let expected =
            if kind == ErrorKind::PermissionDenied { Err(kind) } else { Ok(vec!["file".into()]) };
        assert_eq!(listed, expected);
    }
    assert_eq!(format!("{:?}", machine.state().tree), before);
}

#[test]
fn a_list_comes_in_any_order() {
    let mut orders = BTreeSet::new();
    for seed in 0..50 {
        orders.insert(machine(seed).disk().list("/".as_ref()).unwrap());
    }
    assert_eq!(orders.len(), 2);
}
