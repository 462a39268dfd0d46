//! Threads that share the loops of a step.
//!
//! A step is a handful of loops, each of some hundred microseconds, and the next one starts when all parts of the one before
//! are done. Threads that go to sleep in between are woken later than it takes to do their parts; so those of a team wait
//! awake, for about a millisecond, before they sleep. In: an iterator of parts that may be worked on in any order. Which
//! thread takes which part is left to chance: parts must not depend on it.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks at the next loop before a thread sleeps. Each gives way to other processes.
const LOOKS: usize = 2000;

/// Bit of [`State::inside`] that is set while a loop may be entered.
const OPEN: usize = 1 << (usize::BITS - 1);

/// What every thread does in a loop; it is given the number of the thread.
type Work = dyn Fn(usize) + Sync;

/// The calling thread, and others that work with it.
///
/// One loop runs at a time: a team cannot be shared between threads, so that a loop cannot start another one either.
#[derive(Debug, Default)]
pub(crate) struct Team {
    state: Arc<State>,
    others: Vec<JoinHandle<()>>,
    not_sync: PhantomData<Cell<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// The work of the loop; it may be read by those that entered while the loop was open.
    work: Slot,
    /// How many other threads entered, and [`OPEN`].
    inside: AtomicUsize,
    /// Loops that were started.
    loops: AtomicUsize,
    sleepers: AtomicUsize,
    ends: AtomicBool,
    bed: Mutex<()>,
    alarm: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Default)]
struct Slot(UnsafeCell<Option<*const Work>>);

impl std::fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Slot")
    }
}

// SAFETY: it is written while no other thread is inside and the loop is closed, and read by others inside an open loop only.
unsafe impl Sync for Slot {}
// SAFETY: the work is `Sync`, and outlives its loop.
unsafe impl Send for Slot {}

impl Team {
    /// A team of that many threads, the calling one among them.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let mut team = Self::default();
        for number in 1..threads {
            let state = team.state.clone();
            let thread = std::thread::Builder::new().name(format!("step-{number}"));
            team.others.push(thread.spawn(move || state.serve(number))?);
        }
        Ok(team)
    }

    /// Number of threads.
    pub(crate) fn threads(&self) -> usize {
        self.others.len() + 1
    }

    /// Calls `work(thread, part)` for every part. Threads take parts in their order, one after another; `thread` counts them
    /// from 0.
    pub(crate) fn each<I: Iterator<Item: Send> + Send>(&self, parts: I, work: impl Fn(usize, I::Item) + Sync) {
        if self.others.is_empty() {
            return parts.for_each(|part| work(0, part));
        }
        let parts = Mutex::new(parts);
        let next = || lock(&parts).next();
        self.all(&|thread| {
            while let Some(part) = next() {
                work(thread, part);
            }
        });
    }

    /// Runs `work` on this thread, and on those others that come before it has ended here; none is inside on return.
    fn all(&self, work: &(dyn Fn(usize) + Sync)) {
        let state = &*self.state;
        // SAFETY: only the lifetime changes; the work is not used after this call, see `Close`.
        let work_of_loop = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), *const Work>(work) };
        // SAFETY: the last loop was closed and left by all others, and this team is at one thread only.
        unsafe { *state.work.0.get() = Some(work_of_loop) };
        state.inside.fetch_or(OPEN, Ordering::Release);
        let close = Close(state);
        state.loops.fetch_add(1, Ordering::SeqCst);
        state.wake();
        work(0);
        drop(close);
        if let Some(panic) = lock(&state.panic).take() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        self.state.loops.fetch_add(1, Ordering::SeqCst);
        self.state.wake();
        for other in self.others.drain(..) {
            // It has caught the panics of its work.
            let _ = other.join();
        }
    }
}

/// Closes a loop and waits until all have left it, also when this thread panics.
struct Close<'a>(&'a State);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_and(!OPEN, Ordering::AcqRel);
        while self.0.inside.load(Ordering::Acquire) != 0 {
            give_way();
        }
    }
}

impl State {
    /// The life of each other thread.
    fn serve(&self, thread: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_loop(seen);
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            if self.inside.fetch_add(1, Ordering::AcqRel) & OPEN != 0 {
                // SAFETY: the loop was open when this thread entered, and is not over before it leaves.
                let work = unsafe { (*self.work.0.get()).map(|work| &*work) };
                let ended = catch_unwind(AssertUnwindSafe(|| work.into_iter().for_each(|work| work(thread))));
                if let Err(panic) = ended {
                    *lock(&self.panic) = Some(panic);
                }
            }
            self.inside.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for a loop after the one with that number; returns the number of the last one.
    fn next_loop(&self, seen: usize) -> usize {
        for _ in 0..LOOKS {
            let loops = self.loops.load(Ordering::SeqCst);
            if loops != seen {
                return loops;
            }
            give_way();
        }
        let mut bed = lock(&self.bed);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // Whoever starts a loop counts it before she looks for sleepers: this loop is seen here, or the sleeper is seen there.
        while self.loops.load(Ordering::SeqCst) == seen {
            bed = self.alarm.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        self.loops.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _bed = lock(&self.bed);
            self.alarm.notify_all();
        }
    }
}

fn give_way() {
    std::hint::spin_loop();
    std::thread::yield_now();
}

/// What a thread that panicked left behind is whole: nothing is done under these locks that can panic half-way.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_part_is_worked_on_once_in_loops_after_loops() {
        for threads in [1, 2, 3, 8] {
            let team = Team::new(threads).unwrap();
            assert_eq!(team.threads(), threads);
            let mut counts = [0u32; 37];
            for round in 0..500 {
                team.each(counts.iter_mut().enumerate(), |thread, (number, count)| {
                    assert!(thread < threads);
                    *count += u32::from(number % 5 == round % 5);
                });
            }
            assert!(counts.iter().all(|&count| count == 100));
            team.each(std::iter::empty::<()>(), |_, ()| unreachable!());
        }
    }

    #[test]
    fn sleepers_wake_for_the_next_loop_and_all_threads_take_parts() {
        let team = Team::new(2).unwrap();
        for _ in 0..3 {
            while team.state.sleepers.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let met = AtomicUsize::new(0);
            // Each part waits for the other one: one thread alone would never end.
            team.each(0..2, |_, _| {
                met.fetch_add(1, Ordering::SeqCst);
                while met.load(Ordering::SeqCst) < 2 {
                    give_way();
                }
            });
        }
    }

    #[test]
    fn a_panic_of_any_thread_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(3).unwrap();
        for bad in 0..6 {
            let result = catch_unwind(AssertUnwindSafe(|| team.each(0..6, |_, part| assert_ne!(part, bad))));
            assert!(result.is_err());
            let sum = AtomicUsize::new(0);
            team.each(0..10, |_, part| {
                sum.fetch_add(part, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 45);
        }
    }
}
