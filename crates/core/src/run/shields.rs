use tokio::sync::watch;

use crate::identity::Key;

/// The places of the shielded scopes that are open in a run.
///
/// Whoever would abort what is around one waits for it: only so it hears how that has ended, and a
/// journal does not say that it is over while something in there goes on.
#[derive(Debug, Default)]
pub(crate) struct Shields(watch::Sender<Vec<Key>>);

impl Shields {
    pub(super) fn raise(&self, place: Key) {
        self.0.send_modify(|places| places.push(place));
    }

    pub(super) fn lower(&self, place: &Key) {
        self.0.send_modify(|places| {
            if let Some(at) = places.iter().position(|raised| raised == place) {
                places.swap_remove(at);
            }
        });
    }

    /// Waits until nothing is shielded where this says; returns whether something was.
    pub(crate) async fn lowered(&self, is_there: impl Fn(&Key) -> bool) -> bool {
        let is_free = |places: &Vec<Key>| !places.iter().any(&is_there);
        if is_free(&self.0.borrow()) {
            return false;
        }
        // The sender is `self`, so the channel cannot close while this waits.
        let _ = self.0.subscribe().wait_for(is_free).await;
        true
    }
}
