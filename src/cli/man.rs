//! `man`: the manual pages, generated from the clap types and the tables of `man_text.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap_mangen::roff::{Roff, bold, roman};

use super::man_text::{CONFIG_EXAMPLE, ENVIRONMENT, EXIT_STATUS, FILES, PROTOCOL};
use crate::{
    config::KEYS,
    door::Streams,
    names::{HELPER, PROGRAM},
    report::Report,
};

/// Print the manual page, or that of a command; or write them all into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs man | man -l -
  docker-credential-ecr-rs man signatures-list | man -l -
  docker-credential-ecr-rs man ~/.local/share/man/man1")]
pub(super) struct Man {
    /// The command, such as `sign` or `signatures-list`; or the folder, a path with a `/` in it
    #[arg(value_name = "COMMAND|DIR")]
    what: Option<String>,
}

impl Man {
    /// `top` is the clap types as one value.
    pub(super) fn run(&self, top: clap::Command, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let mut top = top.disable_help_subcommand(true);
        top.build();
        let mut pages = Vec::new();
        collect(&top, &mut pages);
        match &self.what {
            Some(folder) if folder.contains(['/', '\\']) || Path::new(folder).is_dir() => {
                let folder = PathBuf::from(folder);
                let failed = |path: &Path| {
                    let what = format!("cannot write {}", path.display());
                    move |err| Report::new(what).cause(err).hint("name a folder of your own")
                };
                fs::create_dir_all(&folder).map_err(failed(&folder))?;
                for command in pages {
                    let path = folder.join(format!("{}.1", name(command)));
                    fs::write(&path, page(command)?).map_err(failed(&path))?;
                    writeln!(stdout, "{}", path.display())?;
                }
            }
            what => {
                let wanted = what.as_ref().map_or(PROGRAM.into(), |command| format!("{PROGRAM}-{command}"));
                let command = pages.into_iter().find(|command| name(command) == wanted).ok_or_else(|| {
                    let command = what.as_deref().unwrap_or_default();
                    Report::new(format!("there is no command {command:?}"))
                        .hint(format!("`{PROGRAM} --help` lists them; a folder is named with a `/`"))
                })?;
                stdout.write_all(&page(command)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A command and all below it, but the verbs of the protocol, which the first page explains.
fn collect<'a>(command: &'a clap::Command, pages: &mut Vec<&'a clap::Command>) {
    pages.push(command);
    command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| collect(below, pages));
}

/// A page's name: the words of the command, with hyphens.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// One page.
fn page(command: &clap::Command) -> Result<Vec<u8>, Report> {
    // Header and footer have room for 80 columns, and no more.
    let title = name(command).replacen(PROGRAM, HELPER, 1).to_uppercase();
    let version = concat!("ecr-rs ", env!("CARGO_PKG_VERSION"));
    let generated = clap_mangen::Man::new(command.clone()).title(title).manual("").source(version).date("");
    let mut page = Vec::new();
    generated.render_title(&mut page)?;
    // No word is broken, and no line is stretched.
    page.extend_from_slice(b".nh\n.ad l\n");
    generated.render_name_section(&mut page)?;
    generated.render_synopsis_section(&mut page)?;
    generated.render_description_section(&mut page)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        generated.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        generated.render_subcommands_section(&mut page)?;
    }
    let mut more = Roff::new();
    if command.get_name() == PROGRAM {
        table(&mut more, "PROTOCOL", PROTOCOL);
        let keys: Vec<(String, &str)> = KEYS.iter().map(|key| (key.path(), key.about)).collect();
        table(&mut more, "CONFIGURATION", &keys);
        verbatim(&mut more, CONFIG_EXAMPLE.lines());
        table(&mut more, "ENVIRONMENT", ENVIRONMENT);
        table(&mut more, "FILES", FILES);
    } else if let Some(examples) = command.get_after_help() {
        more.control("SH", ["EXAMPLES"]);
        let text = examples.to_string();
        verbatim(&mut more, text.lines().filter(|line| *line != "Examples:"));
    }
    table(&mut more, "EXIT STATUS", EXIT_STATUS);
    if command.get_name() != PROGRAM {
        more.control("SH", ["SEE ALSO"]);
        more.text([bold(PROGRAM), roman("(1)")]);
    }
    more.to_writer(&mut page)?;
    Ok(page)
}

/// A section of words and what each means.
fn table(roff: &mut Roff, heading: &str, rows: &[(impl AsRef<str>, &str)]) {
    roff.control("SH", [heading]);
    for (word, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(word.as_ref())]);
        roff.text([roman(*meaning)]);
    }
}

/// Lines as they are, from the second column on, so that those of a help text fit.
fn verbatim<'a>(roff: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    roff.control("PP", []);
    roff.control("in", ["1n"]);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff.control("in", []);
}
