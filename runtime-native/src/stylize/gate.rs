//! How much memory pictures that are worked on take together.

use std::sync::{Condvar, Mutex, PoisonError};

/// Lets work in while all that is in takes no more than a number of bytes. What takes more by itself gets in alone.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    passes: usize,
    bytes: usize,
}

/// Leave to be inside; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "dropped, it lets the next one in"]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    bytes: usize,
}

impl Gate {
    pub fn new(most: usize) -> Self {
        Self { most, inside: Mutex::default(), left: Condvar::new() }
    }

    /// Waits until there is room for so many bytes.
    pub fn enter(&self, bytes: usize) -> Pass<'_> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |inside: &mut Inside| inside.passes > 0 && inside.bytes.saturating_add(bytes) > self.most;
        let mut inside = self.left.wait_while(inside, full).unwrap_or_else(PoisonError::into_inner);
        inside.passes += 1;
        inside.bytes += bytes;
        Pass { gate: self, bytes }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.passes -= 1;
        inside.bytes -= self.bytes;
        self.gate.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn no_more_than_the_limit_is_inside() {
        let gate = Gate::new(100);
        let (inside, most, alone) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (gate, inside, most, alone) = (&gate, &inside, &most, &alone);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = if (worker + round) % 50 == 0 { 300 } else { 1 + (worker * 7 + round) % 60 };
                        let pass = gate.enter(bytes);
                        let now = bytes + inside.fetch_add(bytes, Ordering::SeqCst);
                        if bytes > 100 {
                            assert_eq!(now, bytes);
                            alone.fetch_add(1, Ordering::SeqCst);
                        } else {
                            most.fetch_max(now, Ordering::SeqCst);
                        }
                        inside.fetch_sub(bytes, Ordering::SeqCst);
                        drop(pass);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100 && alone.load(Ordering::SeqCst) == 32);
    }
}
