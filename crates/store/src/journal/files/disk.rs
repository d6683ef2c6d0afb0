//! The few operations on files whose failure the writer must survive; tests put a failing disk in their place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(super) trait Disk: Send + 'static {
    fn create(&self, path: &Path) -> io::Result<File>;
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&self, file: &File) -> io::Result<()>;
    fn truncate(&self, file: &File, length: u64) -> io::Result<()>;
}

/// The operating system's disk.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        File::options().read(true).write(true).create(true).truncate(true).open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }
}
