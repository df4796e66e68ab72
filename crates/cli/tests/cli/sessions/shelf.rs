//! A kept repository of a real node, in a folder that the page calls `/mnt/backups`.

use super::Scene;
use super::terminal::Terminal;
use crate::kept::{self, Kept};

/// What the page calls the folder.
const FOLDER: &str = "/mnt/backups";

/// The repository and who reads it.
pub(super) struct Shelf {
    terminal: Terminal,
    kept: Kept,
}

impl Shelf {
    /// With a repository of Elasticsearch 9.2.
    pub(super) fn new() -> Self {
        let kept = kept::copy("elasticsearch-9.2.0");
        Self { terminal: Terminal::new(FOLDER, kept.place.display().to_string()), kept }
    }
}

impl Scene for Shelf {
    async fn play(&mut self, line: &str) -> String {
        match self.terminal.command(line) {
            Ok(mut command) => {
                let output = command.output().unwrap();
                self.terminal.shown(&output)
            }
            Err(shown) => shown,
        }
    }

    async fn direct(&mut self, direction: &str) {
        match direction.split_whitespace().collect::<Vec<_>>()[..] {
            ["lose", blob] => std::fs::remove_file(self.kept.place.join(blob)).unwrap(),
            ["leave", blob] => self.kept.leave(blob, b"nobody needs this"),
            _ => panic!("no such direction: {direction}"),
        }
    }
}
