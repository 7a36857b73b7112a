//! Sessions as one text, which is read elsewhere.

use std::io::Cursor;

use futures::future::join_all;
use maniple_bundles::{
    BlobId, BundleError, ContextBundle, Durability, Filter, History, MergePolicy, Point, SessionId,
    Sessions,
};

use crate::place::{chunks, files, frame};
use crate::watched::Watched;
use crate::world::{World, exported, meta, note, texts};

async fn import(sessions: &Sessions, text: &[u8]) -> Result<SessionId, BundleError> {
    sessions.import(Cursor::new(text.to_vec())).await
}

/// A session with a blob, a snapshot and a fork, each with something of its own.
async fn parent_and_fork(world: &World) -> (ContextBundle, ContextBundle) {
    let parent = world.sessions.create(meta().with_label("k", "v")).await.unwrap();
    parent.append(note("a")).await.unwrap();
    parent.append(note("b".repeat(5000))).await.unwrap();
    parent.set("k", &1).await.unwrap();
    parent.snapshot().await.unwrap();
    let fork = parent.fork(Point::End, meta()).await.unwrap();
    fork.append(note("c")).await.unwrap();
    parent.append(note("d")).await.unwrap();
    (parent, fork)
}

/// That the store has nothing.
async fn is_empty(sessions: &Sessions) -> bool {
    sessions.list(&Filter::all()).await.unwrap().is_empty()
}

#[tokio::test]
async fn an_imported_session_is_the_one_that_was_exported() {
    for world in World::of_each_kind() {
        for is_compacted in [false, true] {
            let (parent, _) = parent_and_fork(&world).await;
            if is_compacted {
                parent.compact(History::Drop).await.unwrap();
                parent.append(note("e")).await.unwrap();
            }
            let text = exported(&parent.view()).await;
            assert_eq!(text, exported(&parent.view()).await);
            let there = world.another();
            assert_eq!(import(&there.sessions, &text).await.unwrap(), parent.id());
            let summary = &there.sessions.list(&Filter::all()).await.unwrap()[0];
            assert_eq!(summary.log.as_ref().map(|log| log.closed), Some(true));
            let copy = there.sessions.remount(parent.id()).await.unwrap();
            assert_eq!(copy.actions().await.unwrap(), parent.actions().await.unwrap());
            assert_eq!(copy.verify().await.unwrap(), parent.verify().await.unwrap());
            assert_eq!(*copy.state(), *parent.state());
            assert_eq!((copy.meta(), copy.created_ms()), (parent.meta(), parent.created_ms()));
            assert_eq!(exported(&copy.view()).await, text);
        }
    }
}

#[tokio::test]
async fn what_is_there_already_is_not_imported() {
    for world in World::of_each_kind() {
        let (parent, _) = parent_and_fork(&world).await;
        let text = exported(&parent.view()).await;
        let refused = async |sessions: &Sessions| {
            let error = import(sessions, &text).await.unwrap_err();
            assert!(matches!(error, BundleError::AlreadyExists { .. }), "{error}");
        };
        // It is open here.
        refused(&world.sessions).await;
        parent.append(note("later")).await.unwrap();
        let id = { parent }.id();
        // It was never closed, and has gone on.
        refused(&world.sessions).await;

        let there = world.another();
        import(&there.sessions, &text).await.unwrap();
        refused(&there.sessions).await;
        drop(there.sessions.remount(id).await.unwrap());
        refused(&there.sessions).await;
        there.sessions.delete(id, "done").await.unwrap();
        refused(&there.sessions).await;
    }
}

#[tokio::test]
async fn an_export_that_is_cut_or_continued_is_refused_by_name() {
    for world in World::of_each_kind() {
        let (_, fork) = parent_and_fork(&world).await;
        let text = exported(&fork.view()).await;
        let there = world.another();
        let mut cuts: Vec<usize> = vec![0];
        for (at, byte) in text.iter().enumerate() {
            if *byte == b'\n' {
                cuts.extend([at, at + 1]);
            }
        }
        assert_eq!(cuts.pop(), Some(text.len()));
        assert!(cuts.len() > 10);
        for cut in cuts {
            let lines = text[..cut].split(|byte| *byte == b'\n').count() - 1;
            match import(&there.sessions, &text[..cut]).await.unwrap_err() {
                BundleError::Damaged { path, line, .. } => {
                    assert_eq!(path.to_str(), Some("the export"));
                    assert_eq!(line, u64::try_from(lines).unwrap() + 1, "cut at {cut}");
                }
                error => panic!("{error} at {cut}"),
            }
        }
        let mut more = text.clone();
        more.extend_from_slice(b"{}\n");
        let error = import(&there.sessions, &more).await.unwrap_err();
        assert!(matches!(error, BundleError::Damaged { .. }), "{error}");
        assert!(is_empty(&there.sessions).await);
        import(&there.sessions, &text).await.unwrap();
    }
}

#[tokio::test]
async fn every_changed_byte_of_an_export_is_refused_with_its_line() {
    let world = World::in_memory();
    let bundle = world.sessions.create(meta()).await.unwrap();
    bundle.append(note("a")).await.unwrap();
    bundle.append(note("b".repeat(4097))).await.unwrap();
    bundle.append(note("c")).await.unwrap();
    let text = exported(&bundle.view()).await;
    let there = World::in_memory();
    let mut line = 1;
    for at in 0..text.len() {
        // The content of the blob is much the same; some of it will do.
        let is_in_the_blob = text[at..].starts_with(b"bbbbbbbbbbbbbbbb");
        if is_in_the_blob && at % 256 != 0 {
            continue;
        }
        for change in [1, 0x20, 0x80] {
            let mut changed = text.clone();
            changed[at] ^= change;
            match import(&there.sessions, &changed).await.unwrap_err() {
                BundleError::Damaged { line: found, .. } => {
                    assert_eq!(found, line, "byte {at} ^ {change}");
                }
                error => panic!("{error} at byte {at} ^ {change}"),
            }
        }
        line += u64::from(text[at] == b'\n');
    }
    assert!(is_empty(&there.sessions).await);
}

#[tokio::test]
async fn an_imported_fork_stands_alone_and_can_be_forked() {
    for world in World::of_each_kind() {
        let (parent, fork) = parent_and_fork(&world).await;
        let there = world.another();
        let text = exported(&fork.view()).await;
        let id = import(&there.sessions, &text).await.unwrap();
        let copy = there.sessions.remount(id).await.unwrap();
        assert_eq!(copy.actions().await.unwrap(), fork.actions().await.unwrap());
        assert_eq!(copy.parent(), fork.parent());
        copy.set("l", &2).await.unwrap();

        // At points that it has for itself, and that its parent has, which is not there.
        for at in [5, 4, 3, 2, 0] {
            let grandchild = copy.fork(at, meta()).await.unwrap();
            grandchild.append(note("e")).await.unwrap();
            let great = grandchild.fork(at, meta()).await.unwrap();
            great.append(note("f")).await.unwrap();
            let before = copy.actions().await.unwrap();
            for (session, own) in [(grandchild, "e"), (great, "f")] {
                let id = { session }.id();
                let session = there.sessions.remount(id).await.unwrap();
                let entries = session.actions().await.unwrap();
                assert_eq!(entries[..entries.len() - 1], before[..usize::try_from(at).unwrap()]);
                assert_eq!(texts(&entries[entries.len() - 1..]), [own]);
                // And elsewhere again.
                let text = exported(&session.view()).await;
                let elsewhere = world.another();
                import(&elsewhere.sessions, &text).await.unwrap();
                let session = elsewhere.sessions.remount(id).await.unwrap();
                assert_eq!(session.actions().await.unwrap(), entries);
            }
        }
        // What is shared is kept, by whoever has it.
        copy.compact(History::Drop).await.unwrap();
        assert_eq!(copy.actions().await.unwrap().len(), 5);
        drop((parent, copy));
    }
}

#[tokio::test]
async fn an_imported_fork_holds_nothing_of_its_parent_back() {
    for world in World::of_each_kind() {
        let (parent, fork) = parent_and_fork(&world).await;
        let there = world.another();
        for view in [parent.view(), fork.view()] {
            import(&there.sessions, &exported(&view).await).await.unwrap();
        }
        let copy = there.sessions.remount(parent.id()).await.unwrap();
        assert_eq!(copy.compact(History::Drop).await.unwrap().dropped, 4);
        drop(copy);
        there.sessions.delete(parent.id(), "done").await.unwrap();
        let copy = there.sessions.remount(fork.id()).await.unwrap();
        assert_eq!(copy.actions().await.unwrap(), fork.actions().await.unwrap());
    }
}

#[tokio::test]
async fn copies_that_went_on_apart_have_in_common_what_they_say_alike() {
    for world in World::of_each_kind() {
        let (parent, fork) = parent_and_fork(&world).await;
        let there = world.another();
        import(&there.sessions, &exported(&parent.view()).await).await.unwrap();
        let copy = there.sessions.remount(parent.id()).await.unwrap();
        for text in ["here", "here too"] {
            parent.append(note(text)).await.unwrap();
        }
        copy.append(note("there")).await.unwrap();
        let diff = parent.view().diff(&copy.view()).await.unwrap();
        assert_eq!((diff.common, texts(&diff.left)), (4, vec!["here", "here too"]));
        assert_eq!(texts(&diff.right), ["there"]);
        // A fork of one is no fork of what only the other has.
        let fork_there = copy.fork(Point::End, meta()).await.unwrap();
        fork_there.set("k", &5).await.unwrap();
        let merge = parent.merge(&fork_there.view(), MergePolicy::Ours).await.unwrap();
        assert_eq!(merge.common, 4);
        let merge = copy.merge(&fork.view(), MergePolicy::Ours).await.unwrap();
        assert_eq!(merge.common, 3);
    }
}

#[tokio::test]
async fn an_import_that_was_cut_short_goes_on_where_it_stopped() {
    let world = World::in_memory();
    let bundle = world.sessions.create(meta()).await.unwrap();
    let appends: Vec<_> =
        (0..3000).map(|n| bundle.append(note(format!("{n} ").repeat(700)))).collect();
    join_all(appends).await;
    bundle.append(note("x".repeat(5000))).await.unwrap();
    let text = exported(&bundle.view()).await;

    for commits in 0..2 {
        let (watched, _) = Watched::new();
        let gate = watched.gate();
        let there = Sessions::new(watched);
        gate.refuse_after(Some(commits));
        let error = import(&there, &text).await.unwrap_err();
        assert!(matches!(error, BundleError::Io { .. }), "{error}");
        gate.refuse_after(None);
        assert_eq!(import(&there, &text).await.unwrap(), bundle.id());
        let copy = there.remount(bundle.id()).await.unwrap();
        assert_eq!(copy.verify().await.unwrap(), bundle.verify().await.unwrap());
        // Nothing was written twice.
        let written: usize = gate.commits().iter().map(|(lines, _)| lines).sum();
        assert_eq!(written, 3001);
        assert!(gate.commits().len() > 1);
    }
}

/// As whoever is killed leaves it, between the directory and the header of a session.
#[tokio::test]
async fn an_import_that_came_to_no_header_begins_again() {
    let from = World::in_memory();
    let bundle = from.sessions.create(meta()).await.unwrap();
    bundle.append(note("a")).await.unwrap();
    let text = exported(&bundle.view()).await;
    for left in [&[][..], &["lock"], &["lock", "epoch", "new"]] {
        let there = World::in_files();
        let dir = there.dir().join(bundle.id().to_string());
        std::fs::create_dir_all(&dir).unwrap();
        for name in left {
            std::fs::write(dir.join(name), "").unwrap();
        }
        assert!(is_empty(&there.sessions).await);
        assert_eq!(import(&there.sessions, &text).await.unwrap(), bundle.id(), "{left:?}");
        let copy = there.sessions.remount(bundle.id()).await.unwrap();
        assert_eq!(copy.verify().await.unwrap(), bundle.verify().await.unwrap());
    }
}

#[tokio::test]
async fn an_export_says_when_it_cannot_be_written() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let world = World::in_memory();
    let (_, fork) = parent_and_fork(&world).await;
    let error = fork.view().export(Full).await.unwrap_err();
    assert!(matches!(error, BundleError::Io { .. }), "{error}");
}

/// What is in the files may have been put there by anybody, with hashes that are right.
#[tokio::test]
async fn a_blob_that_is_no_text_is_an_error() {
    let world = World::in_files();
    let sessions = world.sessions.clone().with_durability(Durability::Buffered);
    let bundle = sessions.create(meta()).await.unwrap();
    bundle.append(note("x".repeat(5000))).await.unwrap();
    let id = bundle.id();
    drop(bundle);
    let dir = world.dir().join(id.to_string());
    let chunk = chunks(&dir).remove(0);
    let text = std::fs::read_to_string(&chunk).unwrap();
    let (begin, line) = text.split_once('\n').unwrap();
    let after = begin.split_once("\"after\":\"").unwrap().1.split('"').next().unwrap();
    let mut before = [0; 32];
    for (at, byte) in before.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&after[2 * at..2 * at + 2], 16).unwrap();
    }
    let (content, mut body) = (b"\xff\xfe", line.split_once(",\"b\":").unwrap().1.to_owned());
    let hash = BlobId::of(content).to_string();
    for name in files(&dir.join("blobs")).into_keys() {
        body = body.replace(&name, &hash);
    }
    std::fs::write(dir.join("blobs").join(&hash), content).unwrap();
    let (line, _) = frame(before, body.strip_suffix("}\n").unwrap());
    std::fs::write(&chunk, format!("{begin}\n{line}")).unwrap();
    let view = sessions.view(id).await.unwrap();
    let error = view.export(Vec::new()).await.unwrap_err();
    assert!(matches!(error, BundleError::Blob { is_missing: false, .. }), "{error}");
    assert!(view.verify().await.is_err());
}
