//! A semaphore that counts bytes of memory.

use std::sync::{Condvar, Mutex, PoisonError};

/// Grants permits for no more than a number of bytes together. A request for more than that is granted alone.
#[derive(Debug)]
pub(super) struct Semaphore {
    limit: usize,
    granted: Mutex<Granted>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Granted {
    permits: usize,
    bytes: usize,
}

/// The right to use some bytes of memory, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it releases its bytes"]
pub(super) struct Permit<'a> {
    semaphore: &'a Semaphore,
    bytes: usize,
}

impl Semaphore {
    pub fn new(limit: usize) -> Self {
        Self { limit, granted: Mutex::default(), released: Condvar::new() }
    }

    /// Waits until `bytes` more fit the limit.
    pub fn acquire(&self, bytes: usize) -> Permit<'_> {
        let granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |granted: &mut Granted| granted.permits > 0 && granted.bytes.saturating_add(bytes) > self.limit;
        let mut granted = self.released.wait_while(granted, full).unwrap_or_else(PoisonError::into_inner);
        granted.permits += 1;
        granted.bytes += bytes;
        Permit { semaphore: self, bytes }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut granted = self.semaphore.granted.lock().unwrap_or_else(PoisonError::into_inner);
        granted.permits -= 1;
        granted.bytes -= self.bytes;
        self.semaphore.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn no_more_than_the_limit_is_granted() {
        let semaphore = Semaphore::new(100);
        let (granted, most, alone) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (semaphore, granted, most, alone) = (&semaphore, &granted, &most, &alone);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = if (worker + round) % 50 == 0 { 300 } else { 1 + (worker * 7 + round) % 60 };
                        let permit = semaphore.acquire(bytes);
                        let now = bytes + granted.fetch_add(bytes, Ordering::SeqCst);
                        if bytes > 100 {
                            assert_eq!(now, bytes);
                            alone.fetch_add(1, Ordering::SeqCst);
                        } else {
                            most.fetch_max(now, Ordering::SeqCst);
                        }
                        granted.fetch_sub(bytes, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100 && alone.load(Ordering::SeqCst) == 32);
    }
}
