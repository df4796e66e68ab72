//! The files of one shard over all snapshots, each once: thousands of snapshots name the same ones.

use crate::model::FileInfo;
use std::collections::HashMap;
use std::sync::Arc;

/// A file's number in its table.
pub type FileNumber = u32;

/// Files of one snapshot, by their numbers. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(Arc<[FileNumber]>);

impl Numbers {
    /// These, in any order.
    pub fn of(numbers: impl IntoIterator<Item = FileNumber>) -> Self {
        let mut numbers: Vec<FileNumber> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers.into())
    }

    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = FileNumber> + '_ {
        self.0.iter().copied()
    }

    /// Whether the file is one of them.
    pub fn has(&self, file: FileNumber) -> bool {
        self.0.binary_search(&file).is_ok()
    }

    /// Whether the other one shares its list with this one: it costs nothing to see.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Those that the other one has not.
    pub fn without(&self, other: &Self) -> Vec<FileNumber> {
        if self == other {
            return Vec::new();
        }
        self.iter().filter(|file| !other.has(*file)).collect()
    }
}

/// Files by the name of their blob.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<FileInfo>,
    by_name: HashMap<Arc<str>, FileNumber>,
}

impl Files {
    /// Takes a file in; says its number, and how it differs from the one of that name that is known.
    pub fn take(&mut self, file: FileInfo) -> (FileNumber, Option<String>) {
        if let Some(&number) = self.by_name.get(&file.name) {
            let difference = self.get(number).and_then(|known| difference(known, &file));
            return (number, difference);
        }
        let number = FileNumber::try_from(self.files.len()).unwrap_or(FileNumber::MAX);
        self.by_name.insert(Arc::clone(&file.name), number);
        self.files.push(file);
        (number, None)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file of that number.
    pub fn get(&self, number: FileNumber) -> Option<&FileInfo> {
        self.files.get(usize::try_from(number).ok()?)
    }

    /// The number of the file with that blob name.
    pub fn number(&self, name: &str) -> Option<FileNumber> {
        self.by_name.get(name).copied()
    }

    /// The files with their numbers.
    pub fn all(&self) -> impl Iterator<Item = (FileNumber, &FileInfo)> {
        (0..).zip(&self.files)
    }
}

/// What two records of one file say differently.
fn difference(one: &FileInfo, other: &FileInfo) -> Option<String> {
    let name = &one.name;
    if one.length != other.length {
        return Some(format!("the length of {name} is {} in one and {} in the other", one.length, other.length));
    }
    if one.physical_name != other.physical_name {
        let (one, other) = (&one.physical_name, &other.physical_name);
        return Some(format!("{name} is {one} in one and {other} in the other"));
    }
    (one.checksum != other.checksum).then(|| {
        let text = |file: &FileInfo| file.checksum.clone().unwrap_or_else(|| "none".to_owned());
        format!("the checksum of {name} is {} in one and {} in the other", text(one), text(other))
    })
}
