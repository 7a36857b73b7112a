use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

/// How time passes in a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Running,
    /// It stands until nothing else moves.
    Paused,
}

impl Clock {
    /// A clock that is not paused is seen to move while its thread waits for a moment.
    pub(crate) fn of_this_runtime() -> Self {
        if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            return Self::Running;
        }
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        if Instant::now() == before { Self::Paused } else { Self::Running }
    }

    /// Lets time pass, and others run, even where one of these never waits for anything.
    pub(crate) async fn pass(self, time: Duration) {
        match self {
            Self::Running => tokio::time::sleep(time).await,
            Self::Paused => {
                tokio::task::yield_now().await;
                tokio::time::advance(time).await;
            }
        }
    }
}
