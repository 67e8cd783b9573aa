//! The floors of ARCHITECTURE.md, kept: every import of `src/` runs down, and no two files import
//! each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module of the crate, as its path below the root: `["aws", "http"]`.
type Module = Vec<String>;

/// An import: the line, and the file that defines what is imported.
struct Import {
    line: usize,
    from: Module,
    to: Module,
}

/// The modules of a source tree, and the text of each without comments and unit tests.
struct Tree {
    files: BTreeMap<Module, String>,
}

/// The name under which `main.rs` imports the library.
const LIBRARY: &str = "ecr_rs";

#[test]
fn imports_run_down_and_never_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Tree::read(&root.join("src"));
    let floors = floors(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let broken = tree.broken(&floors);
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Each rule, broken on purpose in a tree of three files, is named with file and line.
#[test]
fn what_breaks_the_rules_is_named() {
    let floors: Floors = vec![vec!["top".into()], vec!["left".into(), "right".into()], vec!["base".into()]];
    for (files, expected, why) in [
        (&[("top", "use crate::base::X;"), ("left", ""), ("right", ""), ("base", "pub struct X;")][..], "", "down"),
        (
            &[("top", ""), ("left", ""), ("right", ""), ("base", "\nuse crate::{\n    top::Y,\n};")],
            "src/base.rs:2: `base` imports `top`, which stands above it",
            "up, in braces, on a later line",
        ),
        (
            &[("top", ""), ("left", "use crate::right::Z;"), ("right", ""), ("base", "")],
            "src/left.rs:1: `left` imports `right`, which stands on its own floor",
            "sideways",
        ),
        (
            &[("top", ""), ("left", ""), ("right", ""), ("base", "fn f() { crate::top::g() }")],
            "src/base.rs:1: `base` imports `top`, which stands above it",
            "a path in the code",
        ),
        (
            &[("top", "mod a;\nmod b;\npub use a::A;"), ("top/a", "use super::b::B;"), ("top/b", "use super::A;")],
            "src/top/a.rs and src/top/b.rs import each other",
            "two files of a room, one of them through a re-export",
        ),
        (&[("new", "")], "src/new: the room `new` has no floor in ARCHITECTURE.md", "a room that nobody listed"),
        (
            &[("top", "// use crate::base::X;\n#[cfg(test)]\nmod tests {\n    use crate::none::X;\n}")],
            "",
            "comments, tests",
        ),
    ] {
        let module = |name: &str| name.split('/').map(String::from).collect::<Module>();
        let files = files.iter().map(|(name, text)| (module(name), code(text))).collect();
        let broken = Tree { files }.broken(&floors);
        assert_eq!(broken.first().map_or("", String::as_str), expected, "{why}: {broken:?}");
    }
}

/// Rooms, from the top floor down.
type Floors = Vec<Vec<String>>;

/// Reads the table under "Floors": a row a floor, its rooms in back quotes in the first column.
fn floors(architecture: &str) -> Floors {
    let section = architecture.split("\n## Floors\n").nth(1).expect("ARCHITECTURE.md has a section Floors");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rooms = |row: &str| -> Vec<String> {
        let first = row.trim_start_matches('|').split('|').next().unwrap_or_default();
        first.split('`').skip(1).step_by(2).map(String::from).collect()
    };
    rows.map(rooms).collect()
}

/// A file's code: comments blanked, unit tests cut off, lines kept where they were.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

impl Tree {
    fn read(root: &Path) -> Tree {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let mut module: Module = path
                        .strip_prefix(root)
                        .unwrap()
                        .with_extension("")
                        .iter()
                        .map(|part| part.to_string_lossy().into_owned())
                        .collect();
                    if module.last().is_some_and(|name| name == "mod" || name == "lib") {
                        module.pop();
                    }
                    files.insert(module, code(&fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Tree { files }
    }

    /// Every broken rule, each with file and line.
    fn broken(&self, floors: &Floors) -> Vec<String> {
        let floor = |room: &str| floors.iter().position(|rooms| rooms.iter().any(|known| known == room));
        let mut broken = Vec::new();
        let rooms: BTreeSet<&String> = self.files.keys().filter_map(|module| module.first()).collect();
        for room in &rooms {
            if floor(room).is_none() {
                broken.push(format!("src/{room}: the room `{room}` has no floor in ARCHITECTURE.md"));
            }
        }
        let imports = self.imports();
        for import in &imports {
            let (Some(from), Some(to)) = (import.from.first(), import.to.first()) else { continue };
            let (Some(above), Some(below)) = (floor(from), floor(to)) else { continue };
            let where_it_stands = match above.cmp(&below) {
                _ if from == to => continue,
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => "stands on its own floor",
                std::cmp::Ordering::Greater => "stands above it",
            };
            let file = self.file(&import.from);
            broken.push(format!("{file}:{}: `{from}` imports `{to}`, which {where_it_stands}", import.line));
        }
        broken.extend(self.circles(&imports));
        broken
    }

    /// Files that import each other, directly or through others.
    fn circles(&self, imports: &[Import]) -> Vec<String> {
        let mut uses: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
        for import in imports {
            uses.entry(&import.from).or_default().insert(&import.to);
        }
        let reaches = |from: &Module, to: &Module| {
            let (mut open, mut seen) = (vec![from], BTreeSet::new());
            while let Some(module) = open.pop() {
                for next in uses.get(module).into_iter().flatten() {
                    if *next == to {
                        return true;
                    }
                    if seen.insert(*next) {
                        open.push(next);
                    }
                }
            }
            false
        };
        let mut circles = Vec::new();
        for (from, all) in &uses {
            for to in all {
                if *from < to && reaches(to, from) {
                    circles.push(format!("{} and {} import each other", self.file(from), self.file(to)));
                }
            }
        }
        circles
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, text) in &self.files {
            let mut found: BTreeSet<(usize, Module)> = BTreeSet::new();
            for (line, path, public) in use_statements(text) {
                // A re-export hands on what is defined elsewhere, and needs nothing of it.
                if !public && let Some(to) = self.defining(from, &path, 0) {
                    found.insert((line, to));
                }
            }
            for (line, path) in self.paths_in_code(from, text) {
                found.extend(self.defining(from, &path, 0).map(|to| (line, to)));
            }
            let other = found.into_iter().filter(|(_, to)| to != from && !to.is_empty());
            imports.extend(other.map(|(line, to)| Import { line, from: from.clone(), to }));
        }
        imports
    }

    /// The file that defines what a path names; `None` for another crate's.
    fn defining(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut module = from.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" | LIBRARY => (module, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                let below = [module.as_slice(), &[child.to_owned()]].concat();
                self.files.get(&below)?;
            }
        }
        while let Some(next) = rest.first() {
            let below = [module.as_slice(), std::slice::from_ref(next)].concat();
            if !self.files.contains_key(&below) {
                break;
            }
            (module, rest) = (below, &rest[1..]);
        }
        let (Some(item), true) = (rest.first(), depth < 8) else { return Some(module) };
        let handed_on = use_statements(self.files.get(&module)?)
            .into_iter()
            .find(|(_, path, public)| *public && path.last() == Some(item));
        match handed_on {
            Some((_, path, _)) => self.defining(&module, &path, depth + 1).or(Some(module)),
            None => Some(module),
        }
    }

    /// Paths outside of `use`: `crate::…`, `super::…`, and those that begin with a module below this one.
    fn paths_in_code(&self, from: &Module, text: &str) -> Vec<(usize, Vec<String>)> {
        let children = self.files.keys().filter(|module| module.len() == from.len() + 1 && module.starts_with(from));
        let mut starts: Vec<&str> = children.filter_map(|module| module.last()).map(String::as_str).collect();
        starts.extend(["crate", "super"]);
        let mut found = Vec::new();
        let mut in_use = false;
        for (index, line) in text.lines().enumerate() {
            in_use |= line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
            if !in_use {
                let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                for word in words.filter(|word| word.contains("::")) {
                    let path: Vec<String> =
                        word.split("::").filter(|part| !part.is_empty()).map(String::from).collect();
                    if path.len() > 1 && starts.contains(&path[0].as_str()) {
                        found.push((index + 1, path));
                    }
                }
            }
            in_use &= !line.contains(';');
        }
        found
    }

    fn file(&self, module: &Module) -> String {
        let folder = self.files.keys().any(|other| other.len() > module.len() && other.starts_with(module));
        let mut path: PathBuf = Path::new("src").join(module.join("/"));
        if folder {
            path.push("mod.rs")
        } else {
            path.set_extension("rs");
        }
        path.display().to_string()
    }
}

/// Every path that `use` brings in, braces spread out: its line, its parts, whether it is handed on.
fn use_statements(text: &str) -> Vec<(usize, Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut statement: Option<(usize, bool, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if statement.is_none() {
            let plain = trimmed.strip_prefix("use ").map(|rest| (false, rest));
            let visible = ["pub use ", "pub(crate) use ", "pub(super) use "];
            let start = plain.or_else(|| visible.iter().find_map(|word| Some((true, trimmed.strip_prefix(word)?))));
            if let Some((public, rest)) = start {
                statement = Some((index + 1, public, rest.to_owned()));
            }
        } else if let Some((_, _, text)) = &mut statement {
            text.push_str(trimmed);
        }
        if trimmed.ends_with(';')
            && let Some((line, public, text)) = statement.take()
        {
            let mut paths = Vec::new();
            spread(text.trim_end_matches(';'), public, &mut Vec::new(), &mut paths);
            found.extend(paths.into_iter().map(|path| (line, path, public)));
        }
    }
    found
}

/// `a::{b, c::D}` to `a::b` and `a::c::D`. Where it is handed on, `as` gives the name that others know.
fn spread(text: &str, public: bool, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let text = text.trim();
    match text.split_once('{') {
        Some((start, rest)) if !start.contains(',') => {
            let count = before.len();
            before.extend(start.split("::").map(str::trim).filter(|part| !part.is_empty()).map(String::from));
            let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
            let (mut depth, mut from) = (0, 0);
            for (place, c) in inner.char_indices().chain([(inner.len(), ',')]) {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        spread(&inner[from..place], public, before, paths);
                        from = place + 1;
                    }
                    _ => {}
                }
            }
            before.truncate(count);
        }
        _ if text.is_empty() => {}
        _ => {
            let (path, name) = text.split_once(" as ").unwrap_or((text, ""));
            let mut path: Vec<String> =
                before.iter().cloned().chain(path.split("::").map(|part| part.trim().to_owned())).collect();
            if path.last().is_some_and(|part| part == "self" || part == "*") {
                path.pop();
            }
            if public && !name.is_empty() {
                path.pop();
                path.push(name.to_owned());
            }
            paths.push(path);
        }
    }
}
