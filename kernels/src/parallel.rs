//! Work on several threads, and memory that is reused.

use std::cell::RefCell;

/// Calls `work` for each index below `count`, on the threads of the current pool.
pub(crate) fn for_each(count: usize, work: impl Fn(usize) + Sync + Send) {
    #[cfg(feature = "threads")]
    if count > 1 && rayon::current_num_threads() > 1 {
        use rayon::prelude::*;
        return (0..count).into_par_iter().with_max_len(1).for_each(work);
    }
    (0..count).for_each(work);
}

/// Memory of which each thread writes its own parts, which may lie between those of others.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(*mut T, #[cfg_attr(not(feature = "gradients"), allow(dead_code))] usize);

// SAFETY: whoever gets the memory sees to it that no two threads write the same element.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(values: &mut [T]) -> Self {
        Self(values.as_mut_ptr(), values.len())
    }

    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }

    /// The memory from an offset to the end.
    ///
    /// # Safety
    /// No two threads may write the same element.
    #[cfg(feature = "gradients")]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn from(&self, offset: usize) -> &mut [T] {
        assert!(offset <= self.1);
        // SAFETY: within the slice that `new` was given.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(offset), self.1 - offset) }
    }
}

thread_local! {
    static VALUES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// The alignment of scratch memory: a cache line.
const ALIGNMENT: usize = 64;

/// Calls `work` with scratch memory of this thread, whose contents are arbitrary.
pub(crate) fn with_scratch<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut values = VALUES.with(RefCell::take);
    let slack = ALIGNMENT / size_of::<f32>();
    if values.len() < length + slack {
        values.resize(length + slack, 0.0);
    }
    let first = values.as_ptr().align_offset(ALIGNMENT).min(slack);
    let result = work(&mut values[first..first + length]);
    VALUES.with(|cell| cell.replace(values));
    result
}
