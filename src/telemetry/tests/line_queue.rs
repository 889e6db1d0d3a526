//! The queue of lines under a quick, a blocked and a torn reader.

use std::io::{self, Write};
use std::time::Duration;

use prometheus::IntCounter;

use super::page::Page;
use crate::telemetry::line_queue::{CAPACITY, LineQueue};

const LONG: Duration = Duration::from_secs(30);

struct Torn;

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn queue_to(out: impl Write + Send + 'static) -> (LineQueue, IntCounter) {
    let dropped = IntCounter::new("dropped", "dropped").unwrap();
    (LineQueue::start("test", Box::new(out), dropped.clone()).unwrap(), dropped)
}

#[test]
fn lines_are_written_in_order_and_all_of_them_by_the_close() {
    let page = Page::default();
    let (queue, dropped) = queue_to(page.clone());
    let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
    for line in &lines {
        queue.push(line.as_bytes());
    }
    assert!(queue.close(LONG));
    assert_eq!(page.text(), lines.concat());
    assert_eq!(dropped.get(), 0);
}

#[test]
fn a_line_is_written_without_a_close() {
    let page = Page::default();
    let (queue, _) = queue_to(page.clone());
    queue.push(b"alone\n");
    let written = || page.held().as_slice() == b"alone\n";
    let soon = (0..1000).any(|_| {
        written() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    });
    assert!(soon);
}

#[test]
fn while_nobody_reads_lines_are_dropped_and_counted_and_no_pusher_waits() {
    let page = Page::default();
    let (queue, dropped) = queue_to(page.clone());
    let nobody_reads = page.held();
    let line = [b'x'; 1024];
    // what fills the queue, what the blocked writer may have taken off it, and as much again
    for _ in 0..3 * CAPACITY / line.len() {
        queue.push(&line);
    }
    assert!(dropped.get() >= (CAPACITY / line.len()) as u64, "{} dropped", dropped.get());
    assert!(!queue.close(Duration::from_millis(1)));
    drop(nobody_reads);
    assert!(queue.close(LONG));
    let written = page.held().len() / line.len();
    assert_eq!(written as u64 + dropped.get(), 3 * (CAPACITY / line.len()) as u64);
}

#[test]
fn lines_that_could_not_be_written_are_counted() {
    let (queue, dropped) = queue_to(Torn);
    queue.push(b"one\n");
    queue.push(b"two\n");
    assert!(queue.close(LONG));
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_closed_queue_takes_no_more() {
    let (queue, dropped) = queue_to(Page::default());
    assert!(queue.close(LONG));
    queue.push(b"late\n");
    assert_eq!(dropped.get(), 1);
}
