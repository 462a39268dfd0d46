//! Files that would blow up a reader that trusts them: memory stays constant. Allocations are counted, so the figures do not
//! depend on the machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use twinspire_core::vfs::RealVfs;
use twinspire_data::ingest::FileAccount;
use twinspire_data::logs::convert_log;
use workplace::{FEATURES, Told, Workplace};

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The counters are one for all tests.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Counting;

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;
/// What a reader may hold, whatever the file is.
const ALLOWED: usize = 16 * MIB;

fn config(file: &str) -> String {
    format!(
        "[input]\npath = \"{file}\"\nuser = \"user\"\nmax_reject_ratio = 1.0\nmax_corrupt_records = 9\n\
         [samples]\nsplit = {{ kind = \"by_column\", column = \"item\", test = [\"none\"] }}\n{FEATURES}"
    )
}

/// Reads a file on one thread. Out: its account and the bytes that were held at most.
fn read(place: &Workplace, file: &str) -> (FileAccount, usize) {
    let told = Told { threads: 1, ..Told::default() };
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let report = place.check_logs_told(&config(file), told).unwrap();
    (report.files[0].clone(), PEAK.load(Ordering::Relaxed) - before)
}

/// A compressed file: `head`, then `line` until it has `size` bytes.
fn write_large(path: &Path, head: &str, line: &str, size: usize) -> u64 {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = flate2::write::GzEncoder::new(std::fs::File::create(path).unwrap(), flate2::Compression::best());
    file.write_all(head.as_bytes()).unwrap();
    let lines = line.repeat(MIB.div_ceil(line.len()));
    let times = size.div_ceil(lines.len());
    (0..times).for_each(|_| file.write_all(lines.as_bytes()).unwrap());
    file.finish().unwrap();
    (times * (lines.len() / line.len())) as u64
}

fn an_unclosed_quote_before(size: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    let place = Workplace::new();
    let path = place.data().join("a.csv.gz");
    let rows = write_large(&path, "user,item\nu,\"i\nu,i\nu,\"i\n", "u,i\n", size);
    let (account, held) = read(&place, "a.csv.gz");
    assert_eq!((account.accepted, account.rejected["UNTERMINATED_QUOTE"]), (rows + 1, 2));
    assert!(held <= ALLOWED, "{held} bytes");
    let ratio = size as u64 / std::fs::metadata(&path).unwrap().len();
    println!("{size} bytes, {ratio} times compressed: at most {held} bytes were held");
    assert!(ratio > 200, "the file is compressed {ratio} times only");
}

fn a_line_without_end_of(size: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    let place = Workplace::new();
    for (file, head) in [("a.csv.gz", "user,item\nu,i\nu,"), ("a.jsonl.gz", "{\"user\":1,\"item\":2}\n{\"")] {
        write_large(&place.data().join(file), head, "x", size);
        let (account, held) = read(&place, file);
        assert_eq!((account.accepted, account.rejected["TOO_LONG"]), (1, 1), "{file}");
        assert!(held <= ALLOWED, "{file}: {held} bytes");
    }
}

#[test]
fn memory_behind_an_unclosed_quote_is_constant() {
    an_unclosed_quote_before(12 * MIB);
}

#[test]
#[ignore = "long: 300 MiB behind an unclosed quote"]
fn memory_behind_an_unclosed_quote_is_constant_at_length() {
    an_unclosed_quote_before(300 * MIB);
}

#[test]
fn memory_of_a_line_without_end_is_constant() {
    a_line_without_end_of(40 * MIB);
}

#[test]
#[ignore = "long: a line of 1 GiB"]
fn memory_of_a_line_without_end_is_constant_at_length() {
    a_line_without_end_of(1024 * MIB);
}

/// Lengths of 2^40 and 2^64 - 1 bytes, with the checksums that TFRecord gives them.
const FORGED: [[u8; 12]; 2] =
    [[0, 0, 0, 0, 0, 1, 0, 0, 170, 61, 107, 228], [255, 255, 255, 255, 255, 255, 255, 255, 166, 123, 17, 58]];

#[test]
fn a_forged_length_is_given_no_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    let place = Workplace::new();
    let csv = place.write("rows.csv", "user,item\nu,i\nu,i\n");
    convert_log(&RealVfs, &csv, &place.data().join("rows.tfrecord"), &[]).unwrap();
    let good = std::fs::read(place.data().join("rows.tfrecord")).unwrap();
    for head in FORGED {
        place.write("a.tfrecord", [&good[..], &head, &good].concat());
        let (account, held) = read(&place, "a.tfrecord");
        assert_eq!((account.accepted, account.rejected["TRUNCATED"], account.read), (2, 1, 3));
        assert!(held <= ALLOWED, "{held} bytes");
    }
}
