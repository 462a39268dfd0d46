//! Named places where a test may kill the process: at each durable step, and at each stage of a request.
//!
//! Without the feature `failpoints` a call compiles to nothing. With it, `TWINSPIRE_FAILPOINT=name` aborts the process
//! the first time `name` is reached, and `TWINSPIRE_FAILPOINT=name:3` the third time.

/// Marks a place. `name` is `stage.step`, as in `publish.before_rename`.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// Marks a place. `name` is `stage.step`, as in `publish.before_rename`.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("TWINSPIRE_FAILPOINT") else { return };
    let (wanted_name, times) = match wanted.split_once(':') {
        Some((wanted_name, times)) => (wanted_name, times.parse().unwrap_or(1)),
        None => (wanted.as_str(), 1),
    };
    if wanted_name == name && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == times {
        std::process::abort();
    }
}
