//! Several things at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Something that is under way.
type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries all out side by side, on this task; what each gives, in their order.
pub(super) async fn together<'a, T>(all: impl IntoIterator<Item = impl Future<Output = T> + Send + 'a>) -> Vec<T> {
    let mut pending: Vec<(Option<Pending<'a, T>>, Option<T>)> =
        all.into_iter().map(|one| (Some(Box::pin(one) as Pending<'a, T>), None)).collect();
    poll_fn(|context| {
        for (future, given) in &mut pending {
            if let Some(Poll::Ready(value)) = future.as_mut().map(|future| future.as_mut().poll(context)) {
                (*future, *given) = (None, Some(value));
            }
        }
        if pending.iter().all(|(future, _)| future.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    pending.into_iter().filter_map(|(_, given)| given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn none_waits_for_another() {
        let begun = tokio::time::Instant::now();
        let wait = async |seconds: u64| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        assert_eq!(together([3, 1, 2].map(wait)).await, [3, 1, 2]);
        assert_eq!(begun.elapsed().as_secs(), 3, "the clock is the test's own");
        assert!(together(Vec::<std::future::Ready<u8>>::new()).await.is_empty());
    }
}
