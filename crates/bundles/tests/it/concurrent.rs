//! Many appenders at once.

use std::sync::{Arc, Mutex};

use maniple_bundles::{ContextBundle, Durability, Meta};

use crate::support::{Place, note, notes, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_has_the_order_of_acceptance() {
    for durability in [Durability::Synced, Durability::Buffered] {
        let place = Place::on_disk();
        let bundle = ContextBundle::create(place.dir(), Meta::new("many"), durability);
        let bundle = Arc::new(bundle.await.unwrap());
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let appenders: Vec<_> = (0..64)
            .map(|appender| {
                let (bundle, accepted) = (Arc::clone(&bundle), Arc::clone(&accepted));
                tokio::spawn(async move {
                    for round in 0..20 {
                        let text = format!("{appender}:{round}");
                        let (place, appended) = {
                            let mut accepted = accepted.lock().unwrap();
                            accepted.push(text.clone());
                            (accepted.len() - 1, bundle.append(note(text)))
                        };
                        assert_eq!(appended.await.unwrap(), u64::try_from(place).unwrap());
                    }
                })
            })
            .collect();
        for appender in appenders {
            appender.await.unwrap();
        }
        let accepted = accepted.lock().unwrap().clone();
        assert_eq!(accepted.len(), 64 * 20);
        assert_eq!(notes(&bundle).await, accepted);
        drop(bundle);
        let entries = place.remount().await.unwrap().actions().await.unwrap();
        assert_eq!(texts(&entries), accepted);
    }
}

#[tokio::test]
async fn an_action_whose_future_is_dropped_is_accepted_all_the_same() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    for round in 0..10 {
        drop(bundle.append(note(format!("{round}"))));
    }
    drop(bundle);
    let bundle = place.remount().await.unwrap();
    assert_eq!(bundle.recovered(), None);
    assert_eq!(notes(&bundle).await, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}
