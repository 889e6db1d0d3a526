//! What the process itself uses, under the names that Prometheus' own clients give: read from `/proc` when somebody asks.

use std::fs;
use std::sync::{Mutex, PoisonError};

use prometheus::{Counter, IntGauge};

use super::catalogue;
use super::metrics::Definer;

/// Clock ticks a second in `/proc`: what Linux tells processes on every architecture that Rust compiles for (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// The families of the process.
pub(super) struct ProcessMetrics {
    cpu: Counter,
    resident: IntGauge,
    address_space: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
    threads: IntGauge,
    started: IntGauge,
    /// The seconds that `cpu` shows; held while it is brought up to date, so that two scrapes at once do not count twice.
    shown: Mutex<f64>,
}

impl ProcessMetrics {
    /// Defines them all.
    pub(super) fn define(define: &Definer<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            cpu: define.register(Counter::with_opts(catalogue::PROCESS_CPU.options())?)?,
            resident: define.gauge(&catalogue::PROCESS_RESIDENT)?,
            address_space: define.gauge(&catalogue::PROCESS_ADDRESS_SPACE)?,
            open_files: define.gauge(&catalogue::PROCESS_OPEN_FILES)?,
            most_files: define.gauge(&catalogue::PROCESS_MOST_FILES)?,
            threads: define.gauge(&catalogue::PROCESS_THREADS)?,
            started: define.gauge(&catalogue::PROCESS_STARTED)?,
            shown: Mutex::default(),
        })
    }

    /// Says when the process began, in seconds since the Unix epoch: `/proc` tells it by the machine's start, which a hardened
    /// service is not shown.
    pub(super) fn started(&self, unix_seconds: u64) {
        self.started.set(i64::try_from(unix_seconds).unwrap_or(i64::MAX));
    }

    /// Brings all of them up to date. Where there is no `/proc`, they stay as they were.
    pub(super) fn refresh(&self) {
        if let Some(usage) = read("/proc/self/stat").as_deref().and_then(Usage::of) {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            self.cpu.inc_by((usage.cpu_seconds - *shown).max(0.0));
            *shown = shown.max(usage.cpu_seconds);
            self.threads.set(usage.threads);
            self.address_space.set(usage.address_space);
        }
        if let Some(bytes) = read("/proc/self/status").as_deref().and_then(resident) {
            self.resident.set(bytes);
        }
        if let Some(most) = read("/proc/self/limits").as_deref().and_then(most_files) {
            self.most_files.set(most);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // the folder that is being read is one of them
            self.open_files.set(i64::try_from(files.count()).unwrap_or(i64::MAX).saturating_sub(1));
        }
    }
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// What `/proc/self/stat` says (proc(5)).
#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    threads: i64,
    /// Bytes.
    address_space: i64,
}

impl Usage {
    fn of(stat: &str) -> Option<Self> {
        // The second field is the program's name in brackets, and may hold both blanks and brackets.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Counted from 1 in proc(5), and the first two are cut off.
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number| field(number)?.parse::<u32>().ok().map(f64::from);
        Some(Self {
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_A_SECOND,
            threads: field(20)?.parse().ok()?,
            address_space: field(23)?.parse().ok()?,
        })
    }
}

/// Resident memory in bytes.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<i64>().ok().map(|kib| kib.saturating_mul(1024))
}

/// The soft limit on open files; none where there is no limit.
fn most_files(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_any_name_is_read() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 150 250 13 14 15 16 9 18 19 4096000 500 18446744073709551615";
        let usage = Usage { cpu_seconds: 4.0, threads: 9, address_space: 4_096_000 };
        for name in ["lychgate", "a b", "a) S 1 2 (b", ""] {
            assert_eq!(Usage::of(&format!("42 ({name}) {rest}")), Some(Usage { ..usage }), "{name}");
        }
        for broken in ["", "42 (a) S 1 2", "42 a", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x 250 13 14 15 16 9 18 19 4096000"] {
            assert_eq!(Usage::of(broken), None, "{broken}");
        }
    }

    #[test]
    fn memory_and_limits_are_read() {
        assert_eq!(resident("Name:\ta\nVmHWM:\t  9 kB\nVmRSS:\t   123 kB\n"), Some(125_952));
        assert_eq!(resident("Name:\ta\n"), None);
        let limits = "Limit      Soft Limit  Hard Limit  Units\nMax open files            1024    4096    files\n";
        assert_eq!(most_files(limits), Some(1024));
        assert_eq!(most_files("Max open files   unlimited  unlimited  files"), None);
    }
}
