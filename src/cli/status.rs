//! `status`: every cached token with its remaining life, never the secret.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use serde_json::json;

use super::{
    aws_args::AwsArgs,
    output::{self, Colour, OutputFormat, Style, write_json},
};
use crate::{
    app::App,
    door::{Start, Streams},
    identity::Target,
    keychain::{self, Damaged},
    names::PROGRAM,
    registry::{Server, TOKEN_LIFETIME},
    report::{Report, fold},
    token::cache::{self, Cached, TokenLabel},
};

/// Show the cached tokens and how long they live
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    aws: AwsArgs,
}

/// The length of a bar, in characters.
const BAR: u64 = 12;

/// One cached token.
struct Row {
    label: TokenLabel,
    /// Whether a `get` of now would look for it.
    current: bool,
    expires: SystemTime,
    remaining: Duration,
}

impl Status {
    pub(super) fn run(&self, start: Start, Streams { stdout, stderr, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let style = Style::of((start.terminals)().stdout, &start.environment);
        let app = self.aws.open(start)?;
        let Cached { tokens, damaged, incomplete } =
            cache::inventory(&*app.cache, None).map_err(|err: keychain::Error| err.report("list the cached tokens"))?;
        let mut rows: Vec<Row> = tokens.into_iter().map(|label| Row::of(label, &app)).collect();
        rows.sort_by(|a, b| {
            (&a.label.host, !a.current, &a.label.identity).cmp(&(&b.label.host, !b.current, &b.label.identity))
        });
        match self.output {
            OutputFormat::Text => {
                text(&rows, app.cache.name(), style, stdout)?;
                for Damaged { name, why, .. } in &damaged {
                    writeln!(stdout, "! {} cannot be used: {}", fold(name), fold(why))?;
                }
            }
            OutputFormat::Json => write_json(&to_json(&rows, &damaged, app.cache.name()), stdout)?,
        }
        if let Some(fault) = incomplete {
            app.log(stderr).warn(format_args!("not all cached tokens are listed: {fault}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Row {
    fn of(label: TokenLabel, app: &App) -> Row {
        let current = match Server::parse(&label.host, |host| app.config.custom(host)) {
            // An identity that cannot be found has no token that is the current one.
            Some(Server::Ecr(registry)) => app
                .identities()
                .find(&Target::from(&registry))
                .is_ok_and(|identity| identity.fingerprint() == label.identity),
            _ => false,
        };
        let expires = label.ends(app.now);
        Row { current, expires, remaining: expires.duration_since(app.now).unwrap_or_default(), label }
    }

    fn life(&self) -> String {
        match self.remaining {
            Duration::ZERO => "ended".into(),
            remaining => format!("{}, until {}", output::length(remaining), output::local(self.expires)),
        }
    }
}

/// An identity as people see it: the head of its fingerprint.
pub(super) fn identity_name(label: &TokenLabel) -> &str {
    if label.identity == cache::USER_SUPPLIED {
        return "docker login";
    }
    label.identity.get(..8).unwrap_or(&label.identity)
}

fn text(rows: &[Row], store: &str, style: Style, stdout: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(stdout, "no token is cached (store: {store}); {PROGRAM} gets one when a client asks");
    }
    writeln!(stdout, "store: {store}")?;
    let width = rows.iter().map(|row| row.label.host.len()).max().unwrap_or_default();
    for row in rows {
        let TokenLabel { host, account, region, .. } = &row.label;
        let account = if account.is_empty() { "public" } else { account };
        let [host, account, region, identity] = [host, account, region, identity_name(&row.label)].map(fold);
        let mark = if row.current { "*" } else { " " };
        let bar = if style.terminal { format!("{} ", bar(row.remaining, style)) } else { String::new() };
        writeln!(stdout, "{mark} {host:<width$}  {account:<12}  {region:<14}  {identity:<12}  {bar}{}", row.life())?;
    }
    if rows.iter().any(|row| row.current) {
        writeln!(stdout, "* is the identity of now")?;
    }
    Ok(())
}

/// The remaining part of a full life, in blocks.
fn bar(remaining: Duration, style: Style) -> String {
    let full = (remaining.as_secs() * BAR).div_ceil(TOKEN_LIFETIME.as_secs()).min(BAR);
    let colour = match full {
        0 => Colour::Red,
        few if few <= BAR / 4 => Colour::Yellow, // a `get` renews it: config::REFRESH_BEFORE
        _ => Colour::Green,
    };
    let (full, empty) = (full as usize, (BAR - full) as usize);
    style.paint(colour, &format!("{}{}", "█".repeat(full), "░".repeat(empty)))
}

fn to_json(rows: &[Row], damaged: &[Damaged], store: &str) -> serde_json::Value {
    let tokens: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "host": row.label.host,
                "account": row.label.account,
                "region": row.label.region,
                "identity": row.label.identity,
                "current": row.current,
                "expires": output::timestamp(row.expires),
                "remaining_seconds": row.remaining.as_secs(),
            })
        })
        .collect();
    let damaged: Vec<_> = damaged.iter().map(|Damaged { name, why, .. }| json!({ "name": name, "why": why })).collect();
    json!({ "store": store, "tokens": tokens, "damaged": damaged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_shrink_with_life() {
        let plain = Style { terminal: true, colour: false };
        for (hours, full, why) in
            [(0, 0, "ended"), (1, 1, "the last hour"), (6, 6, "half"), (12, 12, "new"), (1000, 12, "an absurd end")]
        {
            let bar = bar(Duration::from_secs(hours * 3600), plain);
            assert_eq!((bar.matches('█').count(), bar.chars().count()), (full, 12), "{why}");
        }
        assert_eq!(bar(Duration::from_secs(1), plain).matches('█').count(), 1, "alive is never empty");
    }
}
