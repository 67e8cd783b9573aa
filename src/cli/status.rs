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
    identity::{Identity, Target},
    keychain::{self, Damaged},
    names::PROGRAM,
    registry::{Server, TOKEN_LIFETIME},
    report::{Report, fold},
    token::cache::{self, Cached, TokenLabel},
};

/// Show the cached tokens and how long they live
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs status
  docker-credential-ecr-rs status --output json")]
pub(super) struct Status {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    aws: AwsArgs,
}

/// The length of a bar, in characters.
const BAR: u64 = 12;

/// The width of an identity: with a bar and the longest life, 80 columns.
const WHO: usize = 24;

/// One cached token.
struct Row {
    label: TokenLabel,
    /// Whose it is, for people.
    who: String,
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
        let expires = label.ends(app.now);
        let remaining = expires.duration_since(app.now).unwrap_or_default();
        Row { who: identity_name(&label, app), current: current(&label, app).is_some(), expires, remaining, label }
    }

    fn life(&self) -> String {
        match self.remaining {
            Duration::ZERO => "ended".into(),
            remaining => format!("{}, until {}", output::length(remaining), output::local(self.expires)),
        }
    }
}

/// Whose token it is, for people: an AWS profile's name, else what names the identity of now, else the head of the
/// fingerprint, which is all that is kept of another.
pub(super) fn identity_name(label: &TokenLabel, app: &App) -> String {
    if label.identity == cache::USER_SUPPLIED {
        return "docker login".into();
    }
    let profile = target(label, app).and_then(|target| app.identities().profile_of(&target, &label.identity));
    let named = profile.map(|name| format!("profile {name}"));
    named.or_else(|| Some(current(label, app)?.why)).unwrap_or_else(|| {
        let head = label.identity.get(..8).unwrap_or(&label.identity);
        format!("identity {head}")
    })
}

/// What the identity of a token is looked for with.
fn target(label: &TokenLabel, app: &App) -> Option<Target> {
    match Server::parse(&label.host, |host| app.config.custom(host))? {
        Server::Ecr(registry) => Some(Target::from(&registry)),
        Server::Other(_) => None,
    }
}

/// The identity of now, where the token is that one's. One that cannot be found has no token.
fn current(label: &TokenLabel, app: &App) -> Option<Identity> {
    let identity = app.identities().find(&target(label, app)?).ok()?;
    (identity.fingerprint() == label.identity).then_some(identity)
}

fn text(rows: &[Row], store: &str, style: Style, stdout: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(stdout, "no token is cached (store: {store}); {PROGRAM} gets one when a client asks");
    }
    writeln!(stdout, "store: {store}")?;
    for row in rows {
        let TokenLabel { host, account, region, .. } = &row.label;
        // A name of one's own does not say whose registry it is.
        let says_all = account.is_empty() || host.contains(account.as_str());
        let place = if says_all { String::new() } else { format!(" ({account}, {region})") };
        let mark = if row.current { "*" } else { " " };
        let bar = if style.terminal { format!("{} ", bar(row.remaining, style)) } else { String::new() };
        writeln!(stdout, "{mark} {}", fold(&format!("{host}{place}")))?;
        writeln!(stdout, "    {:<WHO$}  {bar}{}", shortened(&fold(&row.who)), row.life())?;
    }
    if rows.iter().any(|row| row.current) {
        writeln!(stdout, "* is the identity of now")?;
    }
    Ok(())
}

/// A text that leaves room on its line for what stands behind it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(WHO) {
        None => text.into(),
        Some(_) => text.chars().take(WHO - 1).chain(['…']).collect(),
    }
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
                "name": row.who,
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
