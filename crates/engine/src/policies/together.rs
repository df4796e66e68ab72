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

    #[tokio::test]
    async fn none_waits_for_another() {
        // The first goes on only once the second has begun.
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let mut ends = [Some(begun)];
        let mut has_begun = Some(has_begun);
        let all = [1_u8, 2].map(|number| {
            let (begun, has_begun) = match number {
                1 => (None, has_begun.take()),
                _ => (ends[0].take(), None),
            };
            async move {
                if let Some(begun) = begun {
                    begun.send(()).unwrap();
                }
                if let Some(has_begun) = has_begun {
                    has_begun.await.unwrap();
                }
                number
            }
        });
        assert_eq!(together(all).await, [1, 2]);
        assert!(together(Vec::<std::future::Ready<u8>>::new()).await.is_empty());
    }
}
