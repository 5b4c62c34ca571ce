//! The threads of a training.

use std::env;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Var};

use crate::ops::{self, KEEP_GRAPH};
use crate::{Error, Result};

/// The stack size of a training's thread: candle traverses graphs recursively.
const STACK: usize = 256 << 20;

/// Only one thread at a time changes the environment.
static ENVIRONMENT: Mutex<()> = Mutex::new(());

/// Runs a function on threads of its own: `threads` of them for matrix products and kernels, and one for candle's
/// element-wise operations, since the threads of candle's pool spin between operations, which took 5 to 40 % of a step's
/// time in measurements on the CPU.
///
/// With `second_order`, gradients keep their graph there and can be differentiated again.
///
/// candle reads all this from environment variables (`RAYON_NUM_THREADS`, `CANDLE_NUM_THREADS`,
/// `CANDLE_GRAD_DO_NOT_DETACH`), which are set here. A program with threads that read the environment in C should set them
/// before it starts: variables that have the right value are not touched.
pub fn on_own_threads<T: Send>(
    threads: usize,
    second_order: bool,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build()
        .map_err(|error| Error::Run(format!("cannot start {threads} threads: {error}")))?;
    pool.install(|| {
        {
            limit(threads);
            let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
            let before = env::var(KEEP_GRAPH).ok();
            set(KEEP_GRAPH, second_order.then_some("1"));
            // candle reads it once in each thread, at the first gradient.
            let one = Var::new(1f32, &Device::Cpu)?;
            one.sqr()?.backward()?;
            ops::keeps_graph();
            set(KEEP_GRAPH, before.as_deref());
        }
        work()
    })
}

/// Sets the number of threads for the process's matrix products and kernels, and one for candle's element-wise operations.
/// It only takes effect before the first computation; see [`on_own_threads`].
pub fn limit(threads: usize) {
    let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    set("RAYON_NUM_THREADS", Some(&threads.to_string()));
    set("CANDLE_NUM_THREADS", Some("1"));
}

fn set(name: &str, value: Option<&str>) {
    if env::var(name).ok().as_deref() == value {
        return;
    }
    // SAFETY: Rust's readers and writers of the environment take turns by the standard library's lock. Readers in C are
    // the caller's to mind, as `on_own_threads` says.
    unsafe {
        match value {
            Some(value) => env::set_var(name, value),
            None => env::remove_var(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_second_order_threads_keep_graphs() {
        let differentiates =
            |second_order| on_own_threads(1, second_order, || Ok(ops::check_second_order().is_ok())).unwrap();
        assert!(differentiates(true) && !differentiates(false) && differentiates(true));
    }
}
