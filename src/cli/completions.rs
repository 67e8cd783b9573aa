//! `completions`: what a shell needs to complete the commands. Each script asks `complete` at every key.

use std::process::ExitCode;

use crate::{door::Streams, report::Report};

/// Print the completions of a shell
///
/// They know the registries, AWS profiles and signing profiles of this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(docker-credential-ecr-rs completions bash)
  docker-credential-ecr-rs completions fish > \\
    ~/.config/fish/completions/docker-credential-ecr-rs.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The shells.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    Pwsh,
    Zsh,
}

impl Completions {
    pub(super) fn run(&self, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        stdout.write_all(self.shell.script().as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Shell {
    /// Both names of the program, as the shell has them.
    fn script(self) -> &'static str {
        match self {
            Shell::Bash => BASH,
            Shell::Elvish => ELVISH,
            Shell::Fish => FISH,
            Shell::Pwsh => POWERSHELL,
            Shell::Zsh => ZSH,
        }
    }
}

/// Bash parts words at `:` and `=`, which ARNs and ports have: the line is parted here, and what stands before
/// the last of them is taken off again. Works with the bash 3.2 of macOS.
const BASH: &str = r#"_docker_credential_ecr_rs() {
    local line=${COMP_LINE:0:COMP_POINT} words current
    read -ra words <<<"$line"
    if [[ $line == *' ' ]]; then words+=(''); fi
    current=${words[${#words[@]}-1]}
    local IFS=$'\n'
    COMPREPLY=($("$1" complete -- "${words[@]:1}" 2>/dev/null | cut -f 1))
    COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*[:=]}"}"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _docker_credential_ecr_rs docker-credential-ecr-rs ecr-rs
"#;

const ZSH: &str = r#"#compdef docker-credential-ecr-rs ecr-rs
_docker_credential_ecr_rs() {
    local -a names shown
    local line
    for line in "${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        names+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  -- }")
    done
    if (( ! $#names )); then
        _files
    elif [[ $#names -eq 1 && $names[1] == */ ]]; then
        compadd -S '' -- "${names[@]}"
    else
        compadd -l -d shown -- "${names[@]}"
    fi
}
if [[ $funcstack[1] == _docker_credential_ecr_rs ]]; then
    _docker_credential_ecr_rs "$@"
else
    compdef _docker_credential_ecr_rs docker-credential-ecr-rs ecr-rs
fi
"#;

/// Asked twice, so that files are offered where there is nothing else to offer.
const FISH: &str = r#"function __docker_credential_ecr_rs
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] complete -- $words[2..-1] "$current" 2>/dev/null
end
for name in docker-credential-ecr-rs ecr-rs
    complete -c $name -f -n 'count (__docker_credential_ecr_rs) >/dev/null' -a '(__docker_credential_ecr_rs)'
end
"#;

/// An empty argument would be lost on its way to a program before PowerShell 7.3: hence `--next`.
const POWERSHELL: &str = r#"Register-ArgumentCompleter -Native -CommandName 'docker-credential-ecr-rs', 'ecr-rs' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $name, $words = $commandAst.CommandElements | ForEach-Object { "$_" }
    $next = if ($wordToComplete -eq '') { '--next' }
    & $name complete $next -- $words 2>$null | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
"#;

const ELVISH: &str = r#"use str
for name [docker-credential-ecr-rs ecr-rs] {
    set edit:completion:arg-completer[$name] = {|@words|
        (external $words[0]) complete -- (all $words[1..]) 2>/dev/null | from-lines | each {|line|
            put [(str:split "\t" $line)][0]
        }
    }
}
"#;
