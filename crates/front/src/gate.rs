//! What holds requests or answers until a test says so.

use std::sync::Arc;

use tokio::sync::watch;

/// Closed at first. Clones are the same gate; once opened it stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a gate is closed on purpose")]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all that it holds go on, and all that comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Returns once it is open.
    pub(crate) async fn opened(&self) {
        // The sender is our own: it cannot be gone.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn it_holds_until_it_is_opened_and_then_no_longer() {
        let gate = Gate::new();
        let mut context = Context::from_waker(Waker::noop());
        let mut early = pin!(gate.opened());
        assert_eq!(early.as_mut().poll(&mut context), Poll::Pending);
        gate.clone().open();
        assert_eq!(early.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(pin!(gate.opened()).poll(&mut context), Poll::Ready(()));
    }
}
