//! What the system says of memory and of other processes. Where there is no `/proc`, everything is 0.

use std::time::Instant;

/// Ticks a second in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

/// How many cores other processes have kept busy since this was made.
#[derive(Debug)]
pub struct OthersBusy {
    start: Instant,
    before: (f64, f64),
}

impl OthersBusy {
    /// Counts from now on.
    pub fn start() -> Self {
        Self { start: Instant::now(), before: busy_seconds() }
    }

    /// Cores, to two digits.
    pub fn cores(&self) -> f64 {
        let (all, own) = busy_seconds();
        let others = ((all - self.before.0) - (own - self.before.1)).max(0.0);
        (others / self.start.elapsed().as_secs_f64() * 100.0).round() / 100.0
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Seconds that the cores were busy, and those of them that were this process's.
fn busy_seconds() -> (f64, f64) {
    let stat = read("/proc/stat");
    let ticks = numbers(stat.lines().next().unwrap_or_default());
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy: f64 = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|column| ticks.get(column)).sum();
    let own_stat = read("/proc/self/stat");
    // The name of the program may hold spaces; user and system time are the 12th and 13th value after it.
    let values: Vec<&str> = own_stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let own = [11, 12].into_iter().filter_map(|column| values.get(column)?.parse::<f64>().ok()).sum::<f64>();
    (busy / TICKS, own / TICKS)
}

/// Peak resident memory of this process.
pub fn peak_rss_mib() -> u64 {
    let status = read("/proc/self/status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    numbers(peak).first().map_or(0, |kib| (kib / 1024.0).round() as u64)
}

/// Load average of the last minute.
pub fn load_average() -> f64 {
    numbers(&read("/proc/loadavg")).first().copied().unwrap_or(0.0)
}
