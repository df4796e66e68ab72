//! `man`: manual pages, made of the same grammar that parses.

use crate::args::command;
use crate::output::{Look, View, json_of};
use crate::session::Session;
use clap::Args;
use serde::Serialize;
use snapkeep_core::{Code, Failure};
use std::path::{Path, PathBuf};

/// Print the manual page, or write one page for each command
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write snapkeep.1, snapkeep-create.1, … into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the page or writes the pages.
pub(crate) fn run(arguments: &Man, session: &Session) -> Result<(), Failure> {
    let pages = pages().map_err(|error| unwritten("the pages cannot be made", &error))?;
    let view = match &arguments.out {
        Some(directory) => Pages::Written(write(&session.process.directory.join(directory), &pages)?),
        None => Pages::Printed(pages.into_iter().next().map(|(_, page)| page).unwrap_or_default()),
    };
    session.printer.show(&view, session.now())
}

fn write(directory: &Path, pages: &[(String, String)]) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(directory).map_err(|error| unwritten(&directory.display().to_string(), &error))?;
    let write_one = |(name, page): &(String, String)| {
        let path = directory.join(name);
        std::fs::write(&path, page).map_err(|error| unwritten(&path.display().to_string(), &error))?;
        Ok(path)
    };
    pages.iter().map(write_one).collect()
}

fn unwritten(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::BadEvent, format!("{what}: {error}"), "name a directory that can be written to")
}

/// Every page by its file's name, the overview first.
fn pages() -> std::io::Result<Vec<(String, String)>> {
    let mut root = command();
    root.build();
    let mut pages = Vec::new();
    add_pages(&root, "snapkeep", &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_owned()).render(&mut page)?;
    pages.push((format!("{name}.1"), String::from_utf8_lossy(&page).into_owned()));
    command.get_subcommands().try_for_each(|sub| add_pages(sub, &format!("{name}-{}", sub.get_name()), pages))
}

#[derive(Serialize)]
struct PagesLine<'a> {
    schema: u32,
    page: Option<&'a String>,
    files: Option<&'a Vec<PathBuf>>,
}

enum Pages {
    Printed(String),
    Written(Vec<PathBuf>),
}

impl View for Pages {
    fn text(&self, _: &Look) -> String {
        match self {
            Self::Printed(page) => page.trim_end().to_owned(),
            Self::Written(files) => files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n"),
        }
    }

    fn json(&self) -> String {
        let (page, files) = match self {
            Self::Printed(page) => (Some(page), None),
            Self::Written(files) => (None, Some(files)),
        };
        json_of(&PagesLine { schema: 1, page, files })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every command by its path, with its long flags.
    pub(crate) fn grammar() -> Vec<(Vec<String>, Vec<String>)> {
        fn walk(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, Vec<String>)>) {
            let flags = command.get_arguments().filter(|flag| !flag.is_hide_set());
            let flags = flags.filter_map(|flag| flag.get_long()).map(str::to_owned).collect();
            found.push((path.to_vec(), flags));
            for sub in command.get_subcommands() {
                walk(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
            }
        }
        let mut root = command();
        root.build();
        let mut found = Vec::new();
        walk(&root, &["snapkeep".to_owned()], &mut found);
        found
    }

    #[test]
    fn every_command_has_a_page_with_every_flag() {
        let pages = pages().unwrap();
        let grammar = grammar();
        assert_eq!(pages.len(), grammar.len());
        for (path, flags) in grammar {
            let name = format!("{}.1", path.join("-"));
            let (_, page) = pages.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no page {name}"));
            for flag in flags {
                let escaped = flag.replace('-', "\\-");
                assert!(page.contains(&escaped), "{name} lacks --{flag}");
            }
        }
    }
}
