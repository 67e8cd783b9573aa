//! Notation's plugin for AWS Signer: one command, one JSON object on stdin, one on stdout.
//!
//! The contract is version 1.0 of notaryproject/specifications, `specs/plugin-extensibility.md`, in the words of
//! notation-plugin-framework-go, `cli/cli.go`. Signatures of AWS Signer ask for this plugin by its name, so that
//! it has the name of the one that it replaces (aws/aws-signer-notation-plugin).

mod access;
mod failure;
mod generate;
mod verify;
mod wire;

use std::{io::BufRead, process::ExitCode};

use serde::Serialize;

use crate::{
    door::{Door, Start, Streams},
    names::{NOTATION_PLUGIN, NOTATION_PLUGIN_URL, NOTATION_PLUGIN_VERSION},
    report::Report,
    verify::{
        plugin_protocol::Capability,
        plugin_wire::{CONTRACT, PluginMetadata},
    },
};
use failure::Failure;

/// The plugin's door.
pub const DOOR: Door = Door {
    claims: |start| start.name.strip_prefix("notation-") == Some(NOTATION_PLUGIN),
    run: |start, Streams { stdin, stdout, stderr }| {
        let command = match start.arguments.as_slice() {
            [word] => COMMANDS.iter().find(|(name, _)| name == word).map(|(_, command)| *command),
            _ => None,
        };
        let Some(command) = command else {
            let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
            // A closed pipe must not turn into a second error: nobody is left to read it.
            writeln!(stderr, "Invalid command, valid commands are: <{}>", names.join("|")).ok();
            return ExitCode::FAILURE;
        };
        let written = command(start, stdin).and_then(|text| {
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            written.map_err(|err| Failure::error(err.into()))
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                writeln!(stderr, "{}", failure.json()).ok(); // the same
                ExitCode::FAILURE
            }
        }
    },
};

/// Gives what is printed.
type Command = fn(Start, &mut dyn BufRead) -> Result<String, Failure>;

const COMMANDS: [(&str, Command); 5] = [
    ("get-plugin-metadata", |_, stdin| {
        wire::read(stdin, MAX_REQUEST)?;
        line(&metadata())
    }),
    ("describe-key", |_, stdin| line(&generate::describe_key(wire::request(stdin, MAX_REQUEST)?)?)),
    ("generate-envelope", |start, stdin| line(&generate::envelope(start, wire::request(stdin, MAX_REQUEST)?)?)),
    ("verify-signature", |start, stdin| line(&verify::signature(start, wire::request(stdin, MAX_REQUEST)?)?)),
    ("version", |_, _| {
        let PluginMetadata { name, description, version, .. } = metadata();
        Ok(format!("{name} - {description}\nVersion: {version}\n"))
    }),
];

/// Most bytes of a request: a payload of 4 KiB, or a chain of certificates; callers bound the answer at 64 MiB.
const MAX_REQUEST: usize = 1 << 20;

fn metadata() -> PluginMetadata {
    let verifies = Capability::ALL.map(|capability| capability.name().to_owned());
    PluginMetadata {
        name: NOTATION_PLUGIN.into(),
        description: "AWS Signer plugin for Notation, of docker-credential-ecr-rs".into(),
        version: NOTATION_PLUGIN_VERSION.into(),
        url: NOTATION_PLUGIN_URL.into(),
        supported_contract_versions: vec![CONTRACT.into()],
        capabilities: ["SIGNATURE_GENERATOR.ENVELOPE".to_owned()].into_iter().chain(verifies).collect(),
    }
}

/// An answer as JSON, in one line.
fn line(answer: &impl Serialize) -> Result<String, Failure> {
    let answer = serde_json::to_string(answer).map_err(|err| Failure::error(Report::of(&err)))?;
    Ok(answer + "\n")
}
