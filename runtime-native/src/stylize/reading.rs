//! Reads a picture's bytes.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use super::options::is_standard;

/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 31;

/// The bytes of a file, or of standard input.
///
/// Fails on anything but a regular file, and if another program wrote to it meanwhile. The error does not include the path.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    if is_standard(path) { read_all(io::stdin().lock(), 0) } else { read_file(path) }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let cannot_read = |error: io::Error| format!("cannot read: {error}");
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(cannot_read)?.is_file() {
        return Err("not a file".into());
    }
    let file = File::open(path).map_err(cannot_read)?;
    let before = file.metadata().map_err(cannot_read)?;
    let bytes = read_all(&file, before.len())?;
    let after = file.metadata().map_err(cannot_read)?;
    if state(&before) != state(&after) || bytes.len() as u64 != before.len() {
        return Err("the file changed while it was read; run again when it is finished".into());
    }
    Ok(bytes)
}

fn state(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

fn read_all(from: impl Read, expected: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(expected.min(MOST_BYTES) as usize);
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("more than {} GiB; make it smaller first", MOST_BYTES >> 30));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_file_that_changes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing");
        fs::write(&path, vec![7; 1 << 20]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1 << 20);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    file.write_all(&[8; 100]).unwrap();
                }
            });
            let (started, mut noticed) = (Instant::now(), None);
            while noticed.is_none() && started.elapsed() < Duration::from_secs(20) {
                noticed = read(&path).err();
            }
            stop.store(true, Ordering::Relaxed);
            assert!(noticed.unwrap().contains("changed while it was read"));
        });
        assert_eq!(read(folder.path()).unwrap_err(), "not a file");
    }
}
