//! Zips that depend on nothing but what is in them.

use std::borrow::Cow;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::failure::{Failure, Result};

/// A file in a zip.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Its path in the zip.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) content: Cow<'a, [u8]>,
    /// Mode 755 in place of 644.
    pub(crate) executable: bool,
}

/// How hard to press: by the library's levels. Every one gives Deflate, which each unzip reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pressed {
    /// As `zip -9`.
    Well = 9,
    /// Zopfli's five rounds: seconds for a program of some megabytes. More rounds find next to nothing.
    Hardest = 14,
}

/// The zip of these files in this order. Every entry is dated 1980-01-01, the earliest that a zip can say.
pub(crate) fn zip(entries: &[Entry<'_>], pressed: Pressed) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(pressed as i64))
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        writer.start_file(entry.name.as_str(), options).map_err(Failure::during("cannot zip"))?;
        writer.write_all(&entry.content).map_err(Failure::during("cannot zip"))?;
    }
    Ok(writer.finish().map_err(Failure::during("cannot zip"))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn sample() -> Vec<u8> {
        let content = b"#!/bin/sh\n".repeat(1000);
        zip(&[Entry { name: "bootstrap".into(), content: content.into(), executable: true }], Pressed::Hardest).unwrap()
    }

    #[test]
    fn the_same_program_gives_the_same_zip() {
        let first = sample();
        // A zip's clock ticks every two seconds; the date is in the header, whatever the time is now.
        assert_eq!(first, sample());
        assert_eq!(first[10..14], [0, 0, 0x21, 0], "time and date: 1980-01-01 00:00");
    }

    #[test]
    fn lambda_finds_an_executable_bootstrap() {
        let mut read = zip::ZipArchive::new(Cursor::new(sample())).unwrap();
        assert_eq!(read.len(), 1);
        let mut file = read.by_index(0).unwrap();
        assert_eq!(file.name().unwrap(), "bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content.len(), 10_000);
    }

    #[test]
    fn a_program_gets_smaller_by_pressing_harder() {
        let text = include_bytes!("archive.rs");
        let size = |pressed| {
            let entry = Entry { name: "bootstrap".into(), content: text.as_slice().into(), executable: true };
            zip(&[entry], pressed).unwrap().len()
        };
        assert!(size(Pressed::Hardest) < size(Pressed::Well));
    }
}
