//! Where programs are on PATH.

use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

/// Every regular file of this name in the folders of `path`, a value of `PATH`, in its order; also
/// one that may not be run.
///
/// Relative folders are passed over, and the empty entry with them: they would find whatever lies in
/// the folder of the moment. A name that is a path finds nothing.
pub(crate) fn files(name: &str, path: &OsStr) -> impl Iterator<Item = PathBuf> {
    let is_plain = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    let name = format!("{name}{EXE_SUFFIX}");
    env::split_paths(path)
        .filter(move |folder| is_plain && folder.is_absolute())
        .map(move |folder| folder.join(&name))
        .filter(|file| file.is_file())
}

/// The program of this name: the first of [`files`] that may be run.
pub(crate) fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    files(name, path).find(|file| is_executable(file))
}

/// Whether this is a regular file with a right to run it, links followed.
#[cfg(unix)]
pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Whether this is a regular file, links followed: Windows knows no right to run.
#[cfg(not(unix))]
pub(crate) fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn where_programs_are_found() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, mode: u32| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let (text, first, second) = (put("text/tool", 0o644), put("first/tool", 0o755), put("second/tool", 0o700));
        fs::create_dir_all(root.path().join("folder/tool")).unwrap();
        fs::create_dir_all(root.path().join("links")).unwrap();
        std::os::unix::fs::symlink(&second, root.path().join("links/tool")).unwrap();
        fs::create_dir_all(root.path().join("dangling")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("dangling/tool")).unwrap();
        // What a relative entry would find, from wherever the tests run.
        let up = "../".repeat(32);
        let relative = format!("{up}{}", first.parent().unwrap().display()).replace("//", "/");
        assert!(Path::new(&relative).join("tool").is_file(), "the relative entry does lead there");

        let path = |folders: &[&str]| -> OsString {
            let whole = |folder: &&str| match *folder {
                "" | "." => folder.to_string(),
                folder if folder.starts_with("..") => folder.to_owned(),
                folder => root.path().join(folder).display().to_string(),
            };
            folders.iter().map(whole).collect::<Vec<_>>().join(":").into()
        };
        let link = root.path().join("links/tool");
        for (folders, expected, why) in [
            (&["first", "second"][..], Some(&first), "the first one"),
            (&["absent", "folder", "dangling", "text", "second"], Some(&second), "no folder, dangling link or text"),
            (&["links"], Some(&link), "a link to a program, under its own name"),
            (&["text"], None, "it may not be run"),
            (&[relative.as_str()], None, "a relative folder"),
            (&["", ".", "", &relative, "second"], Some(&second), "empty and relative entries are passed over"),
            (&[""], None, "nothing at all"),
        ] {
            assert_eq!(find("tool", &path(folders)).as_ref(), expected, "{why}");
        }
        let all: Vec<PathBuf> = files("tool", &path(&["text", "folder", &relative, "first"])).collect();
        assert_eq!(all, [text, first], "every file of the name, in order");
        for name in ["", ".", "..", "first/tool", "/bin/sh", "./tool"] {
            assert_eq!(find(name, &path(&["", "first", "."])), None, "{name:?} is no name");
        }
    }
}
