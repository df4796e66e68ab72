//! Which kind of blob a name stands for.

/// A blob's place, told from its path below the repository's base path. The shards' folders that OpenSearch puts elsewhere
/// ([`super::ShardPaths`]) have the same path from `indices/` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobName<'a> {
    /// `index-N`.
    Generation(u64),
    /// `index.latest`.
    Latest,
    /// `incompatible-snapshots`.
    Incompatible,
    /// `snap-<uuid>.dat`.
    Snapshot {
        /// The snapshot's.
        uuid: &'a str,
    },
    /// `meta-<uuid>.dat`.
    GlobalMetadata {
        /// The snapshot's.
        uuid: &'a str,
    },
    /// `indices/<index>/meta-<id>.dat`.
    IndexMetadata {
        /// The index's id.
        index: &'a str,
        /// The snapshot's UUID, or one of its own.
        id: &'a str,
    },
    /// `indices/<index>/<shard>/snap-<uuid>.dat`.
    ShardSnapshot {
        /// The shard's.
        shard: Shard<'a>,
        /// The snapshot's.
        uuid: &'a str,
    },
    /// `indices/<index>/<shard>/shallow-snap-<uuid>.dat`.
    ShallowShardSnapshot {
        /// The shard's.
        shard: Shard<'a>,
        /// The snapshot's.
        uuid: &'a str,
    },
    /// `indices/<index>/<shard>/index-<generation>`.
    ShardIndex {
        /// The shard's.
        shard: Shard<'a>,
        /// A number, or a UUID from 7.6 on.
        generation: &'a str,
    },
    /// `indices/<index>/<shard>/__….part<part>`.
    Data {
        /// The shard's.
        shard: Shard<'a>,
        /// As in [`super::FileInfo::name`].
        name: &'a str,
        /// Which part it is, of a file in several.
        part: Option<u64>,
    },
    /// `snapshot_shard_paths/…`; what is behind the slash.
    ShardPaths(&'a str),
    /// What a write was to become that did not end, on a file system: `pending-…`.
    Temporary,
    /// What a repository's verification by its nodes left: `tests-…/…`.
    Verification,
    /// Nothing of the format's.
    Other,
}

/// A shard's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard<'a> {
    /// The index's id.
    pub index: &'a str,
    /// The shard's number.
    pub number: u32,
}

impl<'a> BlobName<'a> {
    /// From a path such as `indices/8Qa…/0/snap-….dat`, without a slash at its start.
    pub fn parse(path: &'a str) -> Self {
        if path.rsplit('/').next().is_some_and(|name| name.starts_with("pending-")) {
            return Self::Temporary;
        }
        let parts: Vec<&str> = path.splitn(5, '/').collect();
        match *parts.as_slice() {
            [name] => Self::at_root(name),
            ["indices", index, name] => match dat(name, "meta-") {
                Some(id) if !index.is_empty() => Self::IndexMetadata { index, id },
                _ => Self::Other,
            },
            ["indices", index, shard, name] => match number(shard).and_then(|shard| u32::try_from(shard).ok()) {
                Some(number) if !index.is_empty() => Self::in_shard(Shard { index, number }, name),
                _ => Self::Other,
            },
            ["snapshot_shard_paths", name] => Self::ShardPaths(name),
            [folder, ..] if folder.starts_with("tests-") => Self::Verification,
            _ => Self::Other,
        }
    }

    fn at_root(name: &'a str) -> Self {
        match name {
            "index.latest" => return Self::Latest,
            "incompatible-snapshots" => return Self::Incompatible,
            _ => {}
        }
        // The servers count in 63 bits.
        let generation = name.strip_prefix("index-").and_then(number).filter(|number| i64::try_from(*number).is_ok());
        let generation = generation.map(Self::Generation);
        let snapshot = || dat(name, "snap-").map(|uuid| Self::Snapshot { uuid });
        let metadata = || dat(name, "meta-").map(|uuid| Self::GlobalMetadata { uuid });
        generation.or_else(snapshot).or_else(metadata).unwrap_or(Self::Other)
    }

    fn in_shard(shard: Shard<'a>, name: &'a str) -> Self {
        if let Some(uuid) = dat(name, "snap-") {
            return Self::ShardSnapshot { shard, uuid };
        }
        if let Some(uuid) = dat(name, "shallow-snap-") {
            return Self::ShallowShardSnapshot { shard, uuid };
        }
        match name.strip_prefix("index-") {
            Some(generation) if !generation.is_empty() => Self::ShardIndex { shard, generation },
            _ if name.len() > 2 && name.starts_with("__") => Self::data(shard, name),
            _ => Self::Other,
        }
    }

    fn data(shard: Shard<'a>, name: &'a str) -> Self {
        let part = name.rsplit_once(".part").and_then(|(name, part)| Some((name, number(part)?)));
        let (name, part) = part.map_or((name, None), |(name, part)| (name, Some(part)));
        Self::Data { shard, name, part }
    }
}

fn dat<'a>(name: &'a str, start: &str) -> Option<&'a str> {
    name.strip_prefix(start)?.strip_suffix(".dat").filter(|id| !id.is_empty())
}

/// As the servers write numbers: digits only, no zeros in front.
fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_is_known_by_its_path() {
        let shard = Shard { index: "iX", number: 3 };
        let data = |name, part| BlobName::Data { shard, name, part };
        let table = [
            ("index-0", BlobName::Generation(0)),
            ("index-12", BlobName::Generation(12)),
            ("index.latest", BlobName::Latest),
            ("incompatible-snapshots", BlobName::Incompatible),
            ("snap-u.dat", BlobName::Snapshot { uuid: "u" }),
            ("meta-u.dat", BlobName::GlobalMetadata { uuid: "u" }),
            ("indices/iX/meta-m.dat", BlobName::IndexMetadata { index: "iX", id: "m" }),
            ("indices/iX/3/snap-u.dat", BlobName::ShardSnapshot { shard, uuid: "u" }),
            ("indices/iX/3/shallow-snap-u.dat", BlobName::ShallowShardSnapshot { shard, uuid: "u" }),
            ("indices/iX/3/index-0", BlobName::ShardIndex { shard, generation: "0" }),
            ("indices/iX/3/index-Gen", BlobName::ShardIndex { shard, generation: "Gen" }),
            ("indices/iX/3/__abc", data("__abc", None)),
            ("indices/iX/3/__0", data("__0", None)),
            ("indices/iX/3/__abc.part0", data("__abc", Some(0))),
            ("indices/iX/3/__abc.part11", data("__abc", Some(11))),
            ("indices/iX/3/__abc.partx", data("__abc.partx", None)),
            ("indices/iX/3/pending-index-Gen", BlobName::Temporary),
            ("pending-index-7", BlobName::Temporary),
            ("snapshot_shard_paths/snapshot_path_a.b.1.1.1", BlobName::ShardPaths("snapshot_path_a.b.1.1.1")),
            ("tests-abc/master.dat", BlobName::Verification),
        ];
        for (path, expected) in table {
            assert_eq!(BlobName::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_of_no_kind() {
        let others = [
            "",
            "/",
            "index-",
            "index-01",
            "index-+1",
            "index-1x",
            "index-99999999999999999999",
            "index-18446744073709551615",
            "index-9223372036854775808",
            "snap-.dat",
            "snap-u",
            "readme.txt",
            "indices/iX",
            "indices//meta-m.dat",
            "indices/iX/03/__a",
            "indices/iX/x/__a",
            "indices/iX/3/__",
            "indices/iX/3/v__a",
            "indices/iX/3/a/b",
            "indices/iX/3/index-",
            "a/index-1",
            "indices/iX/4294967296/__a",
        ];
        for path in others {
            assert_eq!(BlobName::parse(path), BlobName::Other, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_has_a_kind(path in "\\PC*") {
            BlobName::parse(&path);
        }
    }
}
