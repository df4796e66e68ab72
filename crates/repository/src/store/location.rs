//! Where a repository is: `s3://bucket/prefix`, `file:///folder`.

use snapkeep_core::{Code, Failure};
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// A repository's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder, absolute.
    Folder(PathBuf),
    /// A bucket of S3 or of something that speaks like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The repository's `base_path`, without slashes at its ends; may be empty.
        prefix: String,
        /// The region that signatures are scoped to.
        region: Option<String>,
        /// Another server than Amazon's; buckets are then addressed by path.
        endpoint: Option<String>,
    },
    /// A bucket of Google Cloud Storage.
    #[cfg(feature = "gcp")]
    Gcs {
        /// The bucket.
        bucket: String,
        /// As for S3.
        prefix: String,
    },
    /// A container of Azure Blob Storage.
    #[cfg(feature = "azure")]
    Azure {
        /// The container.
        container: String,
        /// As for S3.
        prefix: String,
    },
}

impl Location {
    /// Reads a URL, or a folder's path that begins with `/` or `.`; relative ones are meant from `directory`. Nothing if it
    /// is neither, but perhaps a repository's name.
    pub fn parse(text: &str, directory: &Path) -> Result<Option<Self>, Failure> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::of_url(scheme, rest).map(Some).map_err(|why| bad(text, &why));
        }
        if text.starts_with(['/', '.']) {
            return folder(&plain(&directory.join(text))).map(Some).map_err(|why| bad(text, &why));
        }
        Ok(None)
    }

    fn of_url(scheme: &str, rest: &str) -> Result<Self, String> {
        match scheme {
            "file" => of_file(rest),
            "s3" => {
                let (bucket, prefix) = parts(rest)?;
                Ok(Self::S3 { bucket, prefix, region: None, endpoint: None })
            }
            #[cfg(feature = "gcp")]
            "gs" => parts(rest).map(|(bucket, prefix)| Self::Gcs { bucket, prefix }),
            #[cfg(feature = "azure")]
            "az" | "azure" => parts(rest).map(|(container, prefix)| Self::Azure { container, prefix }),
            #[cfg(not(feature = "gcp"))]
            "gs" => Err("this build does not read Google Cloud Storage".to_owned()),
            #[cfg(not(feature = "azure"))]
            "az" | "azure" => Err("this build does not read Azure Blob Storage".to_owned()),
            other => Err(format!("{other}:// is no place that can be read")),
        }
    }

    /// The same with this region and server, where it is S3 and does not say them itself.
    #[must_use]
    pub fn with_defaults(self, of_region: Option<String>, of_endpoint: Option<String>) -> Self {
        if let Self::S3 { bucket, prefix, region, endpoint } = self {
            return Self::S3 { bucket, prefix, region: region.or(of_region), endpoint: endpoint.or(of_endpoint) };
        }
        self
    }

    /// What stands before the repository's blobs in the store's paths, without slashes at its ends.
    pub fn base(&self) -> &str {
        match self {
            Self::Folder(folder) => folder.to_str().unwrap_or_default().trim_matches('/'),
            Self::S3 { prefix, .. } => prefix,
            #[cfg(feature = "gcp")]
            Self::Gcs { prefix, .. } => prefix,
            #[cfg(feature = "azure")]
            Self::Azure { prefix, .. } => prefix,
        }
    }

    /// The region that signatures are scoped to, where it is known.
    pub fn region(&self) -> Option<&str> {
        if let Self::S3 { region, .. } = self { region.as_deref() } else { None }
    }

    /// Another server than the cloud's own.
    pub fn endpoint(&self) -> Option<&str> {
        if let Self::S3 { endpoint, .. } = self { endpoint.as_deref() } else { None }
    }

    /// The bucket, where there is one.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::S3 { bucket, .. } => Some(bucket),
            #[cfg(feature = "gcp")]
            Self::Gcs { bucket, .. } => Some(bucket),
            #[cfg(feature = "azure")]
            Self::Azure { container, .. } => Some(container),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, bucket, prefix) = match self {
            Self::Folder(folder) => return write!(f, "file://{}", folder.display().to_string().replace('%', "%25")),
            Self::S3 { bucket, prefix, .. } => ("s3", bucket, prefix),
            #[cfg(feature = "gcp")]
            Self::Gcs { bucket, prefix } => ("gs", bucket, prefix),
            #[cfg(feature = "azure")]
            Self::Azure { container, prefix } => ("az", container, prefix),
        };
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(f, "{scheme}://{bucket}{slash}{prefix}")
    }
}

fn of_file(rest: &str) -> Result<Location, String> {
    if !rest.starts_with('/') {
        return Err("a folder's URL has three slashes: file:///mnt/backups".to_owned());
    }
    let decoded = decoded(rest).ok_or_else(|| format!("{rest} has a % that stands for nothing: write %25 for one"))?;
    folder(&plain(Path::new(&decoded)))
}

/// A folder whose path is text: blobs are named by it.
fn folder(path: &Path) -> Result<Location, String> {
    match path.to_str() {
        Some(_) => Ok(Location::Folder(path.to_owned())),
        None => Err(format!("{} is not UTF-8", path.display())),
    }
}

/// A URL's path without its escapes.
fn decoded(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2).filter(|hex| !hex.starts_with('+'))?, 16).ok()?);
        bytes.extend(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn parts(rest: &str) -> Result<(String, String), String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() || bucket.contains(['@', ':', '?', '#']) {
        return Err("no bucket is named".to_owned());
    }
    let prefix = prefix.trim_matches('/');
    if prefix.split('/').any(|part| matches!(part, "." | "..") || part.is_empty() && !prefix.is_empty()) {
        return Err("the folder in the bucket has an empty, `.` or `..` part".to_owned());
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// Without `.` and `..`: as text, since the folder may not exist.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn bad(text: &str, why: &str) -> Failure {
    let cause = format!("{text} names no repository: {why}");
    Failure::new(
        Code::BadEvent,
        cause,
        "write s3://BUCKET/PREFIX, file:///FOLDER, or the name of a configured repository",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_folders_are_told_from_names() {
        let here = Path::new("/home/keeper");
        let parsed = |text: &str| Location::parse(text, here).map(|found| found.map(|place| place.to_string()));
        for (text, expected) in [
            ("s3://bucket", Some("s3://bucket")),
            ("s3://bucket/", Some("s3://bucket")),
            ("s3://bucket/a/b/", Some("s3://bucket/a/b")),
            ("file:///mnt/backups/", Some("file:///mnt/backups")),
            ("file:///mnt/a%20b%25", Some("file:///mnt/a b%25")),
            ("/mnt/a%20b", Some("file:///mnt/a%2520b")),
            ("/mnt/../srv/./x", Some("file:///srv/x")),
            ("./x", Some("file:///home/keeper/x")),
            ("nightly", None),
        ] {
            assert_eq!(parsed(text).unwrap().as_deref(), expected, "{text}");
        }
        for text in [
            "s3://",
            "s3:///prefix",
            "s3://key:secret@bucket/x",
            "s3://b/a//c",
            "s3://b/../c",
            "file://x",
            "file:///a%",
            "file:///a%2",
            "file:///a%+1",
            "file:///a%ff",
            "ftp://x",
        ] {
            assert_eq!(parsed(text).unwrap_err().code, Code::BadEvent, "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_no_text_is_not_taken_for_the_root() {
        use std::os::unix::ffi::OsStrExt as _;
        let here = Path::new(std::ffi::OsStr::from_bytes(b"/mnt/\xff"));
        assert_eq!(Location::parse("./r", here).unwrap_err().code, Code::BadEvent);
    }
}
