//! Notation's plugin for AWS Signer, which this program is under another name: put where Notation looks, and
//! taken out again.
//!
//! It is a copy: Notation runs regular files only (notation-go, `plugin/manager.go`). Another plugin of the name,
//! AWS's own, is kept beside it; `--undo` brings it back.

use std::{
    fs,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{
    backup::copy_path,
    write::{Step, Watch, new_name, sweep},
};
use crate::{
    environment::Environment,
    names::{NOTATION_PLUGIN, NOTATION_PLUGIN_URL},
    private_fs,
    report::Report,
    verify::plugin::Plugins,
};

/// What becomes of the plugin.
#[derive(Debug)]
pub(super) struct PluginChange {
    /// Where Notation looks for it.
    place: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// This program's file is copied there; where another plugin is there, that is kept.
    Install { program: PathBuf, keeps: bool },
    /// Ours goes; what was there before comes back.
    Remove { restores: bool },
}

/// What is where Notation looks.
enum Present {
    Nothing,
    Ours,
    Other(String),
}

impl PluginChange {
    /// What installing it takes, with a note; no change where the same file is there already.
    ///
    /// # Errors
    /// Another plugin is there, and nobody said that it may be replaced.
    pub(super) fn install(
        program: Option<&Path>,
        replace: bool,
        environment: &Environment,
    ) -> Result<(Option<PluginChange>, String), Report> {
        let place = place(environment)?;
        let program = program.ok_or_else(|| Report::new("the system does not tell where this program's file is"))?;
        if place.is_dir() {
            return Err(Report::new(format!(
                "{} is a folder, and Notation looks for a program there",
                place.display()
            ))
            .hint("move it away"));
        }
        let (path, present) = (place.display(), Present::at(&place, environment));
        if let Present::Other(who) = &present
            && !replace
        {
            return Err(Report::new(format!("{path} is {who}"))
                .hint("add --replace: it is kept beside ours, and `setup --undo notation` brings it back"));
        }
        if matches!(present, Present::Ours) && same_content(program, &place).unwrap_or(false) {
            return Ok((None, format!("notation: the plugin is already set up in {path}")));
        }
        let keeps = matches!(present, Present::Other(_));
        let note = format!("notation: {path} is this program, as the plugin of AWS Signer");
        Ok((Some(PluginChange { place, what: What::Install { program: program.into(), keeps } }), note))
    }

    /// What taking it out takes, with a note; nothing where no plugin of ours is there and none was kept. A run that
    /// was cut short may have kept the other and not put ours in its place.
    pub(super) fn undo(environment: &Environment) -> Option<(PluginChange, String)> {
        let place = place(environment).ok()?;
        let restores = copy_path(&place).symlink_metadata().is_ok();
        match Present::at(&place, environment) {
            Present::Nothing if !restores => None,
            Present::Other(_) => None,
            Present::Nothing | Present::Ours => {
                let done = if restores { "is as it was" } else { "is gone" };
                let note = format!("notation: the plugin {} {done}", place.display());
                Some((PluginChange { place, what: What::Remove { restores } }, note))
            }
        }
    }

    /// What changes, for `--dry-run`.
    pub(super) fn lines(&self) -> Vec<String> {
        let (path, kept) = (self.place.display(), copy_path(&self.place));
        match &self.what {
            What::Install { program, keeps } => {
                let mut lines = vec![format!("{path}{}", if *keeps { "" } else { " (new)" })];
                lines.push(format!("  a copy of {}", program.display()));
                lines.extend(keeps.then(|| format!("  what is there is kept as {}", kept.display())));
                lines
            }
            What::Remove { restores: true } => vec![path.to_string(), format!("  becomes {} again", kept.display())],
            What::Remove { restores: false } => vec![format!("{path} (removed)")],
        }
    }

    /// Does it. Notation finds the old plugin, none for a moment where another is replaced, or the new one whole.
    pub(super) fn apply(&self, watch: Watch<'_>) -> Result<(), Report> {
        let (place, kept) = (&self.place, copy_path(&self.place));
        let work = match &self.what {
            What::Install { program, keeps } => self.put(program, keeps.then_some(&*kept), watch),
            What::Remove { restores } => watch(Step::Remove, place).and_then(|()| match restores {
                true => fs::rename(&kept, place),
                false => fs::remove_file(place).inspect(|()| {
                    // Its folder goes with it, unless something else is in there.
                    place.parent().map(fs::remove_dir).and_then(Result::ok);
                }),
            }),
        };
        work.map_err(|err| {
            Report::new(format!("cannot write {}; it is as it was", place.display()))
                .cause(err)
                .hint("look at the permissions and the free space of its folder, then run it again")
        })
    }

    fn put(&self, program: &Path, keep_as: Option<&Path>, watch: Watch<'_>) -> io::Result<()> {
        let (place, folder) = (&self.place, self.place.parent().unwrap_or(Path::new(".")));
        if !folder.is_dir() {
            watch(Step::MakeFolder, folder)?;
            private_fs::create_folder(folder)?;
        }
        let (prefix, new) = new_name(place);
        let mut work = || {
            watch(Step::Create, place)?;
            sweep(folder, &prefix);
            let mut output = private_fs::create_new(&new)?;
            watch(Step::Write, place)?;
            let mut input = private_fs::open(program)?;
            io::copy(&mut input, &mut output)?;
            watch(Step::Permissions, place)?;
            private_fs::copy_permissions(&output, &input.metadata()?)?;
            watch(Step::Flush, place)?;
            output.sync_all()?;
            drop(output); // Windows renames closed files only.
            watch(Step::Rename, place)?;
            if let Some(kept) = keep_as {
                fs::rename(place, kept)?;
            }
            fs::rename(&new, place).inspect_err(|_| {
                keep_as.map(|kept| fs::rename(kept, place)).and_then(Result::ok); // it failed; what was there is there
            })
        };
        let done = work();
        if done.is_err() {
            fs::remove_file(&new).ok(); // it may not exist yet; what matters is the failure itself
        }
        done
    }
}

impl Present {
    fn at(place: &Path, environment: &Environment) -> Present {
        if place.symlink_metadata().is_err_and(|err| err.kind() == ErrorKind::NotFound) {
            return Present::Nothing;
        }
        match Plugins::of(environment).metadata(NOTATION_PLUGIN) {
            Ok(metadata) if metadata.url == NOTATION_PLUGIN_URL => Present::Ours,
            Ok(metadata) => Present::Other(format!("another plugin of that name, {}", metadata.version)),
            Err(_) => Present::Other("something else, which does not answer as a plugin".into()),
        }
    }
}

fn place(environment: &Environment) -> Result<PathBuf, Report> {
    Plugins::of(environment).place(NOTATION_PLUGIN).ok_or_else(|| {
        Report::new("there is no folder for Notation's plugins: there is no home folder")
            .hint("set HOME, NOTATION_CONFIG or NOTATION_LIBEXEC")
    })
}

/// Whether two files hold the same.
fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (private_fs::open(one)?, private_fs::open(other)?);
    let length = one.metadata()?.len();
    if length != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut ones, mut others) = (length, vec![0; CHUNK], vec![0; CHUNK]);
    while left > 0 {
        let size = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        one.read_exact(&mut ones[..size])?;
        other.read_exact(&mut others[..size])?;
        if ones[..size] != others[..size] {
            return Ok(false);
        }
        left -= size as u64;
    }
    Ok(true)
}

/// Bytes that are compared at once.
const CHUNK: usize = 64 << 10;
