//! What `trust` tells: a policy in words, and what is wrong with one.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    aws::signer_roots::AWS_ROOTS,
    notary::certificate::{Certificate, rfc3339},
    report::{Level as Gravity, Report, fold},
    verify::{
        lint::Finding,
        policy::{Action, Level, Policy, Statement, StoreKind, VerifyTimestamp},
        trust_store::TrustStore,
    },
};

/// A policy and its stores for people.
pub(super) fn write_text(policy: &Policy, store: &TrustStore, stdout: &mut dyn Write) -> io::Result<()> {
    writeln!(stdout, "{}", fold(&policy.origin))?;
    for statement in &policy.statements {
        let scopes = match statement.is_global() {
            true => "every repository that no other statement names".into(),
            false => statement.scopes.join(", "),
        };
        writeln!(stdout, "\n{} for {}", fold(&statement.name), fold(&scopes))?;
        writeln!(stdout, "  level {}: {}", statement.level.name(), fold(&meaning(statement)))?;
        if statement.verify_timestamp == VerifyTimestamp::AfterCertExpiry {
            writeln!(stdout, "  timestamps count once a certificate has expired")?;
        }
        statement.identities.iter().try_for_each(|one| writeln!(stdout, "  signed by {}", fold(&one.to_string())))?;
        for name in &statement.stores {
            writeln!(stdout, "  under {name}")?;
            match store.read(name) {
                Err(report) => writeln!(stdout, "    cannot be used: {}", fold(&report.full()))?,
                Ok(contents) => {
                    for (_, certificate) in &contents.certificates {
                        let (from, until) = (certificate.not_before.date_naive(), certificate.not_after.date_naive());
                        writeln!(stdout, "    {}{}", fold(&certificate.subject), whose(certificate))?;
                        writeln!(stdout, "      SHA-256 {}, {from} to {until}", certificate.fingerprint())?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// What a statement lets through, in words.
fn meaning(statement: &Statement) -> String {
    if statement.level == Level::Skip {
        return "nothing is checked, and unsigned images pass".into();
    }
    let listed = |wanted: Action| {
        let checks = statement.actions.by_name().into_iter().filter(|(_, action)| *action == wanted);
        checks.map(|(check, _)| check).collect::<Vec<_>>().join(", ")
    };
    let mut words = vec![match listed(Action::Enforce) {
        checks if checks.is_empty() => "integrity must hold".into(),
        checks => format!("integrity, {checks} must hold"),
    }];
    for (action, word) in [(Action::Log, "told, and no more"), (Action::Skip, "not looked at")] {
        match listed(action) {
            checks if checks.is_empty() => {}
            checks => words.push(format!("{checks} {} {word}", if checks.contains(',') { "are" } else { "is" })),
        }
    }
    words.join("; ")
}

fn is_aws(certificate: &Certificate) -> bool {
    AWS_ROOTS.iter().any(|root| root.fingerprint == certificate.fingerprint())
}

fn whose(certificate: &Certificate) -> &'static str {
    if is_aws(certificate) { " (AWS Signer's own)" } else { "" }
}

/// The same for programs.
pub(super) fn to_json(policy: &Policy, store: &TrustStore) -> Value {
    let statements = policy.statements.iter().map(|statement| {
        let checks =
            statement.actions.by_name().into_iter().map(|(check, action)| (check.to_owned(), action.name().into()));
        let integrity = if statement.level == Level::Skip { Action::Skip } else { Action::Enforce };
        let checks: serde_json::Map<String, Value> =
            [("integrity".to_owned(), integrity.name().into())].into_iter().chain(checks).collect();
        let stores = statement.stores.iter().map(|name| {
            let (certificates, error) = match store.read(name) {
                Ok(contents) => (contents.certificates, None),
                Err(report) => (Vec::new(), Some(report.full())),
            };
            let certificates = certificates.iter().map(|(file, certificate)| {
                json!({
                    "subject": certificate.subject,
                    "sha256": certificate.fingerprint(),
                    "not_before": rfc3339(certificate.not_before),
                    "not_after": rfc3339(certificate.not_after),
                    "file": file,
                    "aws_signer": is_aws(certificate),
                })
            });
            json!({
                "name": name.to_string(),
                "folder": store.folder(name),
                "certificates": certificates.collect::<Value>(),
                "error": error,
            })
        });
        let has_tsa = statement.stores.iter().any(|name| name.kind == StoreKind::Tsa);
        json!({
            "name": statement.name,
            "scopes": statement.scopes,
            "level": statement.level.name(),
            "checks": checks,
            "verify_timestamp": has_tsa.then(|| statement.verify_timestamp.name()),
            "identities": statement.identities.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "stores": stores.collect::<Value>(),
        })
    });
    json!({ "policy": policy.origin, "statements": statements.collect::<Value>() })
}

/// What is wrong, for people.
pub(super) fn write_findings(origin: &str, findings: &[Finding], stdout: &mut dyn Write) -> io::Result<()> {
    for Finding { gravity, report } in findings {
        writeln!(stdout, "{}: {}", word(*gravity), fold(report.what()))?;
        report.causes().iter().try_for_each(|cause| writeln!(stdout, "  caused by: {}", fold(cause)))?;
        report.advice().map_or(Ok(()), |hint| writeln!(stdout, "  hint: {}", fold(hint)))?;
    }
    let count = |gravity| findings.iter().filter(|finding| finding.gravity == gravity).count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings) = (count(Gravity::Error), count(Gravity::Warning));
    writeln!(stdout, "{}: {}, {}", fold(origin), plural(errors, "error"), plural(warnings, "warning"))
}

/// The same for programs.
pub(super) fn findings_json(origin: &str, findings: &[Finding]) -> Value {
    let one = |gravity: Gravity, report: &Report| json!({ "severity": word(gravity), "what": report.what(), "causes": report.causes(), "hint": report.advice() });
    let listed: Value = findings.iter().map(|finding| one(finding.gravity, &finding.report)).collect();
    let valid = findings.iter().all(|finding| finding.gravity != Gravity::Error);
    json!({ "policy": origin, "valid": valid, "findings": listed })
}

fn word(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Error => "error",
        Gravity::Warning => "warning",
        Gravity::Note => "note",
    }
}
