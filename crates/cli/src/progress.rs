//! How far long work is: a bar on a terminal, plain lines elsewhere, nothing with `--quiet` or for scripts.
//!
//! In: the calls of [`Progress`] from any thread. Out: stderr. It measures nothing that a result depends on.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use twinspire_core::clock::{Clock, SystemClock};
use twinspire_core::progress::{Progress, Silent};

/// Least time between two plain lines of a step.
const PAUSE_MICROS: i64 = 5_000_000;

/// The form that fits stderr and the flags.
pub fn reporter(quiet: bool, json: bool) -> Box<dyn Progress + Send> {
    match (quiet, std::io::stderr().is_terminal(), json) {
        (true, _, _) | (false, false, true) => Box::new(Silent),
        (false, true, _) => Box::new(Bars::default()),
        (false, false, false) => Box::new(Lines::new(SystemClock, std::io::stderr())),
    }
}

/// One bar at a time on a terminal.
#[derive(Default)]
pub struct Bars {
    bar: Mutex<Option<ProgressBar>>,
}

impl Bars {
    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bars {
    fn start(&self, what: &str, total: Option<u64>, unit: &str) {
        let style = style(total.is_some(), unit);
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style);
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        if let Some(earlier) = self.bar().replace(bar) {
            earlier.finish_and_clear();
        }
    }

    fn advance(&self, units: u64) {
        if let Some(bar) = &*self.bar() {
            bar.inc(units);
        }
    }

    fn state(&self, text: &str) {
        if let Some(bar) = &*self.bar() {
            bar.set_message(text.to_owned());
        }
    }

    fn line(&self, text: &str) {
        match &*self.bar() {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }
}

/// What is done of what, units a second, time left, state.
fn style(has_end: bool, unit: &str) -> ProgressStyle {
    let counts = if has_end { "{bar:20} {human_pos}/{human_len}" } else { "{spinner} {human_pos}" };
    let left = if has_end { ", {eta} left" } else { "" };
    let template = format!("{{prefix}} {counts} {unit}, {{rate}}/s{left} {{msg}}");
    let rate = |state: &ProgressState, writer: &mut dyn fmt::Write| {
        // A bar that cannot write its rate still shows the rest.
        let _ = write!(writer, "{}", HumanCount(state.per_sec() as u64));
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", rate)
}

/// Plain lines: at most one every five seconds, and one at the end of a step.
pub struct Lines<C, W> {
    clock: C,
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    writer: W,
    step: Option<Step>,
}

struct Step {
    what: String,
    unit: String,
    total: Option<u64>,
    done: u64,
    state: String,
    started: i64,
    spoke: i64,
}

impl<C: Clock, W: Write> Lines<C, W> {
    /// Lines go to `writer`.
    pub fn new(clock: C, writer: W) -> Self {
        Self { clock, inner: Mutex::new(Inner { writer, step: None }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Inner<W> {
    /// Talk that nobody can hear is no reason to stop.
    fn say(&mut self, line: &str) {
        let _ = writeln!(self.writer, "{line}");
    }
}

impl<C: Clock + Sync, W: Write + Send> Progress for Lines<C, W> {
    fn start(&self, what: &str, total: Option<u64>, unit: &str) {
        let now = self.clock.now_micros();
        let (what, unit) = (what.to_owned(), unit.to_owned());
        let step = Step { what, unit, total, done: 0, state: String::new(), started: now, spoke: now };
        self.inner().step = Some(step);
    }

    fn advance(&self, units: u64) {
        let now = self.clock.now_micros();
        let mut inner = self.inner();
        let Some(step) = &mut inner.step else { return };
        step.done += units;
        if now - step.spoke >= PAUSE_MICROS {
            step.spoke = now;
            let line = step.so_far(now);
            inner.say(&line);
        }
    }

    fn state(&self, text: &str) {
        if let Some(step) = &mut self.inner().step {
            text.clone_into(&mut step.state);
        }
    }

    fn line(&self, text: &str) {
        self.inner().say(text);
    }

    fn finish(&self) {
        let now = self.clock.now_micros();
        let mut inner = self.inner();
        if let Some(step) = inner.step.take() {
            let line = step.at_the_end(now);
            inner.say(&line);
        }
    }
}

impl Step {
    fn seconds(&self, now: i64) -> f64 {
        (now - self.started).max(0) as f64 / 1e6
    }

    fn rate(&self, now: i64) -> f64 {
        self.done as f64 / self.seconds(now).max(1e-3)
    }

    fn with_state(&self, line: String) -> String {
        if self.state.is_empty() { line } else { format!("{line}, {}", self.state) }
    }

    fn so_far(&self, now: i64) -> String {
        let Self { what, unit, done, total, .. } = self;
        let rate = self.rate(now);
        let line = match total {
            Some(total) => {
                let left = total.saturating_sub(*done) as f64 / rate.max(1e-9);
                format!("{what}: {done} of {total} {unit}, {rate:.0}/s, {left:.0} s left")
            }
            None => format!("{what}: {done} {unit}, {rate:.0}/s"),
        };
        self.with_state(line)
    }

    fn at_the_end(&self, now: i64) -> String {
        let Self { what, unit, done, .. } = self;
        self.with_state(format!("{what}: {done} {unit} in {:.1} s, {:.0}/s", self.seconds(now), self.rate(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Ticking(AtomicI64);

    impl Clock for &Ticking {
        fn now_micros(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn said(lines: Lines<&Ticking, Vec<u8>>) -> String {
        String::from_utf8(lines.inner.into_inner().unwrap().writer).unwrap()
    }

    #[test]
    fn a_step_speaks_at_most_every_five_seconds_and_at_its_end() {
        let clock = Ticking(AtomicI64::new(0));
        let lines = Lines::new(&clock, Vec::new());
        lines.start("train", Some(120), "samples");
        for _ in 0..12 {
            clock.0.fetch_add(1_000_000, Ordering::Relaxed);
            lines.state("loss 0.5");
            lines.advance(10);
        }
        lines.finish();
        let expected = "train: 50 of 120 samples, 10/s, 7 s left, loss 0.5\n\
                        train: 100 of 120 samples, 10/s, 2 s left, loss 0.5\n\
                        train: 120 samples in 12.0 s, 10/s, loss 0.5\n";
        assert_eq!(said(lines), expected);
    }

    #[test]
    fn work_of_unknown_length_names_no_end_and_lines_pass_at_once() {
        let clock = Ticking(AtomicI64::new(0));
        let lines = Lines::new(&clock, Vec::new());
        lines.advance(3);
        lines.start("read", None, "rows");
        lines.line("a line that stays");
        clock.0.store(PAUSE_MICROS, Ordering::Relaxed);
        lines.advance(10);
        assert_eq!(said(lines), "a line that stays\nread: 10 rows, 2/s\n");
    }
}
