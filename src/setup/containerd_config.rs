//! containerd's configuration as containerd puts it together: the file, what it imports, and which of them
//! has the last word on a key. Read for `setup` and `doctor`.
//!
//! Source: containerd 2.4, `cmd/containerd/server/config` (imports and their order), `internal/cri/config`
//! (`CheckLocalImagePullConfigs`) and `plugins/cri/images` (which keys of older versions are carried over).

use std::{
    collections::VecDeque,
    path::{Component, Path, PathBuf},
};

use toml_edit::{DocumentMut, Item};

use super::{file, tables::parse};
use crate::{environment::Environment, report::Report};

/// The verifier's table.
pub(super) const VERIFIER: &str = "io.containerd.image-verifier.v1.bindir";

/// Where containerd looks for verifiers unless it is told otherwise.
const BIN_DIR: &str = "/opt/containerd/image-verifier/bin";

/// Tables of the CRI's images: since version 3 of the file, and those that are carried over from older ones.
const IMAGES: [&[&str]; 5] = [
    &["io.containerd.cri.v1.images"],
    &["io.containerd.grpc.v1.cri"],
    &["io.containerd.grpc.v1.cri", "containerd"],
    &["cri"],
    &["cri", "containerd"],
];

/// The plugins without which no verifier is called.
const NEEDED: [&str; 2] = [VERIFIER, "io.containerd.transfer.v1.local"];

/// Most files that are read: a circle of imports ends by itself, a glob may find anything.
const MAX_FILES: usize = 1000;

/// Most links of a path (Linux, path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The files, in the order in which containerd reads them.
pub(crate) struct ContainerdConfig {
    root: PathBuf,
    files: Vec<(PathBuf, DocumentMut)>,
}

/// What the verifier's table comes to.
pub(crate) struct VerifierTable {
    /// The folder of the verifiers, on that machine.
    pub(crate) bin_dir: PathBuf,
    /// Most verifiers that are called; a negative number is no limit.
    pub(crate) max_verifiers: i64,
    /// Seconds that one of them has, where they can be read.
    pub(crate) seconds: Option<f64>,
}

impl ContainerdConfig {
    /// The main file's place below a root.
    pub(crate) fn path(environment: &Environment) -> PathBuf {
        environment.system_folder.join("containerd").join("config.toml")
    }

    /// Reads the file that is there and all that it imports. None at all is an empty configuration.
    ///
    /// # Errors
    /// One of them cannot be read, as containerd could not.
    pub(crate) fn read(environment: &Environment, root: &Path) -> Result<ContainerdConfig, Report> {
        let mut config = ContainerdConfig { root: root.into(), files: Vec::new() };
        let main = config.under_root(config.inside(&ContainerdConfig::path(environment)));
        let mut pending = VecDeque::from([main.clone()]);
        while let Some(path) = pending.pop_front() {
            if config.files.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if config.files.len() == MAX_FILES {
                return Err(Report::new(format!("{} imports more than {MAX_FILES} files", main.display())));
            }
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return Err(Report::new(format!("{} is no file, and containerd reads it as one", path.display()))
                    .hint("name files in `imports`, such as conf.d/*.toml, or put a regular file there"));
            }
            let Some(text) = file::read_if_there(&path)? else {
                if path == main {
                    break;
                }
                return Err(Report::new(format!("{} is imported and is not there", path.display()))
                    .hint("containerd does not start with it: take it out of `imports`"));
            };
            let document = parse(&path, &text)?;
            let imports = document.get("imports").and_then(Item::as_array);
            for import in imports.into_iter().flatten().filter_map(|import| import.as_str()) {
                pending.extend(config.resolve(&path, import));
            }
            config.files.push((path, document));
        }
        Ok(config)
    }

    /// The files that an import names: relative to the file that has it, `*` as in Go's `filepath.Glob`, and no
    /// other pattern of that.
    fn resolve(&self, parent: &Path, import: &str) -> Vec<PathBuf> {
        let path = Path::new("/").join(self.inside(parent)).with_file_name(import);
        if !import.contains('*') {
            return vec![self.under_root(&path)];
        }
        let mut found = vec![PathBuf::from("/")];
        for part in path.components().skip(1) {
            let part = part.as_os_str();
            found = match part.to_str().filter(|part| part.contains('*')) {
                None => found.into_iter().map(|folder| folder.join(part)).collect(),
                Some(pattern) => found.iter().flat_map(|folder| self.named(folder, pattern)).take(MAX_FILES).collect(),
            };
        }
        let there = |path: &PathBuf| path.symlink_metadata().is_ok();
        found.iter().map(|path| self.under_root(path)).filter(there).collect()
    }

    /// What is in a folder of that machine under such a name, by name.
    fn named(&self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        let entries = self.under_root(folder).read_dir().into_iter().flatten().flatten().take(MAX_FILES);
        let names = entries.map(|entry| entry.file_name());
        let names = names.filter(|name| name.to_str().is_some_and(|name| matches(pattern, name)));
        let mut found: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        found.sort();
        found
    }

    /// A path of that machine, from here. On another disk links lead where they lead on that machine; on this one
    /// the system follows them.
    pub(crate) fn under_root(&self, path: &Path) -> PathBuf {
        if self.root == Path::new("/") { self.root.join(path) } else { self.followed(path) }
    }

    /// Where a path, as it is from here, really lies.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        self.followed(self.inside(path))
    }

    /// A path as that machine calls it.
    fn inside<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// A path of that machine, from here, its links followed.
    fn followed(&self, path: &Path) -> PathBuf {
        let (mut done, mut left, mut links) = (PathBuf::new(), path.to_owned(), 0);
        while let Some(part) = left.components().next() {
            let rest: PathBuf = left.components().skip(1).collect();
            left = match part {
                Component::Normal(name) => match self.root.join(&done).join(name).read_link() {
                    Ok(target) if links < MAX_LINKS => {
                        links += 1;
                        target.join(rest)
                    }
                    Ok(_) | Err(_) => {
                        done.push(name);
                        rest
                    }
                },
                Component::ParentDir => {
                    done.pop();
                    rest
                }
                Component::RootDir => {
                    done.clear();
                    rest
                }
                Component::CurDir | Component::Prefix(_) => rest,
            };
        }
        self.root.join(done)
    }

    /// The files that are there.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// What the files say of a key of a plugin's table, the last word first.
    fn said(&self, table: &[&str], key: &str) -> Vec<(&Path, &Item)> {
        let mut found = Vec::new();
        for (path, document) in self.files.iter().rev() {
            let table =
                document.get("plugins").and_then(|plugins| table.iter().try_fold(plugins, |item, part| item.get(part)));
            found.extend(table.and_then(|table| table.get(key)).map(|item| (path.as_path(), item)));
        }
        found
    }

    /// The last word on a key of a plugin's table, and the file that has it.
    fn last(&self, table: &[&str], key: &str) -> Option<(&Path, &Item)> {
        self.said(table, key).into_iter().next()
    }

    /// What the verifier's table comes to.
    pub(crate) fn verifier(&self) -> VerifierTable {
        let last = |key: &str| self.last(&[VERIFIER], key).map(|(_, item)| item);
        let timeout = last("per_verifier_timeout");
        VerifierTable {
            bin_dir: last("bin_dir").and_then(Item::as_str).unwrap_or(BIN_DIR).into(),
            max_verifiers: last("max_verifiers").and_then(Item::as_integer).unwrap_or(10),
            seconds: match timeout {
                None => Some(10.0),
                Some(timeout) => timeout.as_str().and_then(seconds),
            },
        }
    }

    /// The file that has the last word on a key of the verifier's table.
    pub(super) fn decides(&self, key: &str) -> Option<&Path> {
        self.last(&[VERIFIER], key).map(|(path, _)| path)
    }

    /// The needed plugins that are switched off, each with the file that does it.
    pub(crate) fn disabled(&self) -> Vec<(&Path, &'static str)> {
        let mut found = Vec::new();
        for (path, document) in &self.files {
            let listed = document.get("disabled_plugins").and_then(Item::as_array);
            let listed: Vec<&str> = listed.into_iter().flatten().filter_map(|name| name.as_str()).collect();
            found.extend(NEEDED.iter().filter(|name| listed.contains(name)).map(|name| (path.as_path(), *name)));
        }
        found
    }

    /// The keys with which the CRI pulls without a verifier, each with the file that has the last word on it.
    ///
    /// What stands in a table of an older version counts, also where one of the newer would overrule it.
    pub(crate) fn bypasses(&self) -> Vec<(&Path, String)> {
        let is = |item: &Item, wanted: bool| item.as_bool() == Some(wanted);
        let filled = |item: &Item| item.as_table_like().is_none_or(|table| !table.is_empty());
        let mut found = Vec::new();
        for table in IMAGES {
            let mut add = |key: &str, name: &str, bypasses: &dyn Fn(&Item) -> bool| {
                if let Some((path, _)) = self.last(table, key).filter(|(_, item)| bypasses(item)) {
                    found.push((path, name.to_owned()));
                }
            };
            add("use_local_image_pull", "use_local_image_pull = true", &|item| is(item, true));
            // Outside of Windows the default is true.
            add("disable_snapshot_annotations", "disable_snapshot_annotations = false", &|item| is(item, false));
            add("discard_unpacked_layers", "discard_unpacked_layers = true", &|item| is(item, true));
            add("max_concurrent_downloads", "max_concurrent_downloads other than 3", &|item| {
                item.as_integer() != Some(3)
            });
            add("image_pull_with_sync_fs", "image_pull_with_sync_fs = true", &|item| is(item, true));
            // Tables of several files are put together: one of them is enough.
            for key in ["mirrors", "configs", "auths"] {
                let registry = [table, &["registry"]].concat();
                let said = self.said(&registry, key).into_iter().find(|(_, item)| filled(item));
                found.extend(said.map(|(path, _)| (path, format!("registry.{key}"))));
            }
        }
        found
    }
}

/// Whether a name is what a pattern says, in which `*` is any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = name.strip_prefix(first).and_then(|name| name.strip_suffix(last)) else { return false };
    middle.split('*').all(|part| match left.split_once(part) {
        Some((_, after)) => {
            left = after;
            true
        }
        None => false,
    })
}

/// The seconds of a duration as Go writes it (`time.ParseDuration`): `10s`, `1m30s`, `500ms`.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let length = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        sum += number
            * match &unit[..length] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &unit[length..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", "a.toml.ecr-rs-backup", false),
            ("*", "", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abd", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn durations_of_go() {
        for (text, expected) in [
            ("10s", Some(10.0)),
            ("1m30s", Some(90.0)),
            ("500ms", Some(0.5)),
            ("1.5h", Some(5400.0)),
            ("10", None),
            ("", None),
            ("s", None),
            ("ten", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
