//! ECR managed signing: the rules by which ECR has AWS Signer sign what is pushed, and how far that is for an
//! image (ECR user guide, "Managed signing").

use std::fmt;

use aws_sdk_ecr::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        self, ImageIdentifier, ImageSigningStatus, SigningConfiguration, SigningRepositoryFilter,
        SigningRepositoryFilterType,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Aws, endpoint::Service, response::Refused, signing_profile::SigningProfile, subject::Subject, work::Work};
use crate::{
    identity::Identity,
    names::PROGRAM,
    oci::Reference,
    registry::{Kind, Partition, Registry},
    report::{Report, excerpt},
    token::MintError,
};

/// Most rules of a registry (ECR API reference, `SigningConfiguration`).
const MAX_RULES: usize = 10;

/// Most filters of a rule (ECR API reference, `SigningRule`).
const MAX_FILTERS: usize = 100;

/// Most characters of a filter (ECR API reference, `SigningRepositoryFilter`).
const MAX_FILTER: usize = 256;

/// A rule: what a profile signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRule {
    /// The ARN of the signing profile.
    pub profile_arn: String,
    /// The repositories, where `*` stands for any characters; none means every one.
    pub filters: Vec<String>,
}

/// The rules of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The registry's 12-digit account, where AWS says it.
    pub account: Option<String>,
    /// The rules in AWS's order.
    pub rules: Vec<SigningRule>,
}

/// How far the signature of one profile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileStatus {
    /// The ARN of the signing profile.
    pub profile_arn: String,
    /// Its state.
    pub state: State,
    /// AWS's code of a failure.
    pub failure_code: Option<String>,
    /// AWS's words about it.
    pub failure_reason: Option<String>,
}

/// The state of a signature that ECR has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is being made.
    InProgress,
    /// It is in the repository.
    Complete,
    /// There is none.
    Failed,
    /// One that AWS has added since, in its words.
    Other(String),
}

impl SigningRule {
    /// Reads `PROFILE-ARN` or `PROFILE-ARN=FILTER,FILTER…`, within what AWS takes (botocore's model
    /// `ecr/2015-09-21`: the patterns of `SigningProfileArn` and `SigningRepositoryFilterValue`).
    pub fn parse(text: &str) -> Result<SigningRule, Report> {
        let (arn, filters) = match text.split_once('=') {
            Some((arn, filters)) => (arn, Some(filters)),
            None => (text, None),
        };
        let profile = SigningProfile::parse(arn)?;
        if profile.home.is_none() {
            return Err(Report::new(format!("a rule names its signing profile by the ARN, not `{arn}`"))
                .hint(format!("`{PROGRAM} profile show {arn}` prints it")));
        }
        if !arn.contains(":/signing-profiles/") || profile.version.is_some() {
            return Err(Report::new(format!("ECR takes no version and no alias of a signing profile: `{arn}`"))
                .hint("write arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME"));
        }
        let filters: Vec<String> = filters.into_iter().flat_map(|text| text.split(',')).map(String::from).collect();
        if let Some(bad) = filters.iter().find(|filter| !is_filter(filter)) {
            let what = format!("`{}` is no filter of repositories", excerpt(bad));
            return Err(Report::new(what).hint(
                "write names of repositories, in lower case and without blanks, with `*` for any characters: app/*,base",
            ));
        }
        if filters.len() > MAX_FILTERS {
            return Err(Report::new(format!("a rule has at most {MAX_FILTERS} filters, not {}", filters.len()))
                .hint("use `*`, or several rules"));
        }
        if let Some(twice) = twice(&filters) {
            return Err(Report::new(format!("the filter `{twice}` is there twice in one rule")).hint("leave one out"));
        }
        Ok(SigningRule { profile_arn: arn.into(), filters })
    }

    /// Reads the rules of a whole configuration.
    pub fn parse_all(texts: &[String]) -> Result<Vec<SigningRule>, Report> {
        if texts.len() > MAX_RULES {
            return Err(Report::new(format!("a registry has at most {MAX_RULES} rules, not {}", texts.len()))
                .hint("put several filters into one rule: PROFILE-ARN=app/*,base/*"));
        }
        let rules = texts.iter().map(|text| SigningRule::parse(text)).collect::<Result<Vec<_>, _>>()?;
        match twice(&rules) {
            Some(rule) => Err(Report::new(format!("a rule is there twice: {rule}")).hint("leave one out")),
            None => Ok(rules),
        }
    }

    fn of(rule: types::SigningRule) -> SigningRule {
        let filters = rule.repository_filters.unwrap_or_default();
        SigningRule {
            profile_arn: rule.signing_profile_arn,
            filters: filters.into_iter().map(|filter| filter.filter).collect(),
        }
    }

    fn to_sdk(&self) -> Result<types::SigningRule, Report> {
        let filter = |text: &String| {
            let filter = SigningRepositoryFilter::builder().filter(text);
            filter.filter_type(SigningRepositoryFilterType::WildcardMatch).build()
        };
        let filters = self.filters.iter().map(filter).collect::<Result<Vec<_>, _>>().map_err(|err| Report::of(&err))?;
        let rule = types::SigningRule::builder().signing_profile_arn(&self.profile_arn);
        // No filter is another request than an empty list of them, which AWS refuses.
        let rule = rule.set_repository_filters((!filters.is_empty()).then_some(filters));
        rule.build().map_err(|err| Report::of(&err))
    }
}

impl fmt::Display for SigningRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filters[..] {
            [] => write!(f, "{} signs every repository", self.profile_arn),
            filters => write!(f, "{} signs {}", self.profile_arn, filters.join(", ")),
        }
    }
}

impl ProfileStatus {
    fn of(status: ImageSigningStatus) -> ProfileStatus {
        let state = match status.status.as_ref().map(types::SigningStatus::as_str) {
            Some("IN_PROGRESS") => State::InProgress,
            Some("COMPLETE") => State::Complete,
            Some("FAILED") => State::Failed,
            other => State::Other(other.unwrap_or("unknown").into()),
        };
        ProfileStatus {
            profile_arn: status
                .signing_profile_arn
                .unwrap_or_else(|| "a signing profile that AWS does not name".into()),
            state,
            failure_code: status.failure_code,
            failure_reason: status.failure_reason,
        }
    }
}

/// What is there more than once.
fn twice<T: PartialEq>(all: &[T]) -> Option<&T> {
    all.iter().enumerate().find_map(|(place, one)| all[..place].contains(one).then_some(one))
}

/// The parts of a name of a repository, with stars: each begins and ends with a letter, a digit or a star, and
/// has single separators between them.
fn is_filter(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'*')
    };
    (1..=MAX_FILTER).contains(&text.len()) && text.split('/').all(|part| part.split(['.', '_', '-']).all(is_word))
}

/// What is asked of a registry in a region, for the words of an error.
struct Question<'a> {
    operation: &'static str,
    doing: &'a str,
    region: &'a str,
    resource: Option<&'a str>,
}

impl Aws {
    /// The rules by which ECR signs in the identity's own registry; `None` where it has none.
    pub fn signing_rules(&self, identity: &Identity, region: &str) -> Result<Option<Rules>, Report> {
        let question =
            Question { operation: "GetSigningConfiguration", doing: "read the signing rules", region, resource: None };
        self.ask(&question, identity, async |client, work| match client.get_signing_configuration().send().await {
            Ok(answer) => Ok(Some(Rules {
                account: answer.registry_id,
                rules: answer.signing_configuration.map(of_configuration).unwrap_or_default(),
            })),
            Err(err) if is(&err, "SigningConfigurationNotFoundException") => Ok(None),
            Err(err) => Err(refused(work, err)),
        })
    }

    /// Puts these rules in the place of all that are there, and gives back what AWS has now.
    pub fn set_signing_rules(
        &self,
        identity: &Identity,
        region: &str,
        rules: &[SigningRule],
    ) -> Result<Vec<SigningRule>, Report> {
        let rules = rules.iter().map(SigningRule::to_sdk).collect::<Result<Vec<_>, _>>()?;
        let rules = SigningConfiguration::builder().set_rules(Some(rules)).build().map_err(|err| Report::of(&err))?;
        let question = Question {
            operation: "PutSigningConfiguration",
            doing: "replace the signing rules",
            region,
            resource: None,
        };
        self.ask(&question, identity, async |client, work| {
            let answer = client.put_signing_configuration().signing_configuration(rules).send().await;
            let answer = answer.map_err(|err| refused(work, err))?;
            Ok(answer.signing_configuration.map(of_configuration).unwrap_or_default())
        })
    }

    /// Ends managed signing in the identity's own registry; `false` where there was none.
    pub fn delete_signing_rules(&self, identity: &Identity, region: &str) -> Result<bool, Report> {
        let question = Question {
            operation: "DeleteSigningConfiguration",
            doing: "delete the signing rules",
            region,
            resource: None,
        };
        self.ask(&question, identity, async |client, work| match client.delete_signing_configuration().send().await {
            Ok(_) => Ok(true),
            Err(err) if is(&err, "SigningConfigurationNotFoundException") => Ok(false),
            Err(err) => Err(refused(work, err)),
        })
    }

    /// How far the signatures of an image are, one for each profile whose rule the repository matched when the
    /// image was pushed.
    pub fn signing_status(
        &self,
        identity: &Identity,
        registry: &Registry,
        image: &Reference,
    ) -> Result<Vec<ProfileStatus>, Report> {
        let Kind::Private { account } = &registry.kind else {
            return Err(Report::new(format!("{image} is in ECR Public, which signs nothing itself"))
                .hint(format!("`{PROGRAM} signatures list {image}` says what signatures it has")));
        };
        let (region, repository) = (registry.region.as_str(), image.repository.as_str());
        let partition = Partition::of_region(region).name;
        let resource = format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}");
        let question = Question {
            operation: "DescribeImageSigningStatus",
            doing: &format!("tell the signing status of {image}"),
            region,
            resource: Some(&resource),
        };
        let id = ImageIdentifier::builder()
            .set_image_digest(image.digest.as_ref().map(|digest| digest.as_str().to_owned()))
            .set_image_tag(image.tag.clone().filter(|_| image.digest.is_none()))
            .build();
        self.ask(&question, identity, async |client, work| {
            let call = client.describe_image_signing_status().registry_id(account).repository_name(repository);
            let answer = match call.image_id(id).send().await {
                Ok(answer) => answer,
                Err(err) => {
                    let hint = match err.code() {
                        Some("ImageNotFoundException") => Some("check the tag or digest; push the image first"),
                        Some("RepositoryNotFoundException") => Some("check account, region and repository"),
                        _ => None,
                    };
                    let mut refused = refused(work, err);
                    if let Some(hint) = hint {
                        refused.report = refused.report.hint(hint);
                    }
                    return Err(refused);
                }
            };
            Ok(answer.signing_statuses.unwrap_or_default().into_iter().map(ProfileStatus::of).collect())
        })
    }

    /// One call of ECR's API, within the bound of a mint.
    fn ask<T>(
        &self,
        question: &Question<'_>,
        identity: &Identity,
        call: impl AsyncFnOnce(Client, &Work<'_>) -> Result<T, MintError>,
    ) -> Result<T, Report> {
        let Question { operation, doing, region, resource } = *question;
        let subject = Subject::ManagedSigning { operation, doing, region, resource };
        let outcome = self.run(subject, identity, async |work| {
            let ready = work.credentials(&self.resolved).await?;
            call(Client::new(&ready.config(Service::Ecr, region, false, false)), work).await
        });
        outcome.map_err(|err| err.report)
    }
}

fn of_configuration(configuration: SigningConfiguration) -> Vec<SigningRule> {
    configuration.rules.into_iter().map(SigningRule::of).collect()
}

fn is<E: ProvideErrorMetadata>(err: &SdkError<E, HttpResponse>, code: &str) -> bool {
    err.code() == Some(code)
}

/// Why AWS did not do it. What it finds wrong with a rule stands in its own words among the causes.
fn refused<E>(work: &Work<'_>, err: SdkError<E, HttpResponse>) -> MintError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let invalid = is(&err, "ValidationException") || is(&err, "InvalidParameterException");
    let refused = work.failed(&Refused::of(err));
    match invalid {
        true => MintError { report: refused.report.hint("correct what AWS names above"), ..refused },
        false => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app";

    #[test]
    fn rules_are_what_aws_takes() {
        let long = format!("{ARN}={}", "a".repeat(256));
        for (text, filters, why) in [
            (ARN.to_owned(), &[][..], "every repository"),
            (format!("{ARN}=app"), &["app"], "one repository"),
            (format!("{ARN}=app/*,*/base,*prod*,*"), &["app/*", "*/base", "*prod*", "*"], "stars"),
            (format!("{ARN}=a.b-c_d/e0"), &["a.b-c_d/e0"], "separators"),
        ] {
            let rule = SigningRule::parse(&text).expect(why);
            assert_eq!((rule.profile_arn.as_str(), rule.filters.as_slice()), (ARN, &*strings(filters)), "{why}");
        }
        assert!(SigningRule::parse(&long).is_ok(), "256 characters");
        for (text, words, why) in [
            ("app".into(), "by the ARN", "a name"),
            (format!("{ARN}/0123456789"), "no version and no alias", "a version"),
            ("arn:aws:signer:eu-west-1:111122223333:/aliases/app".into(), "no version and no alias", "an alias"),
            (String::new(), "is not a signing profile", "nothing"),
            (format!("{ARN}="), "no filter", "an empty filter"),
            (format!("{ARN}=a,,b"), "no filter", "an empty filter between others"),
            (format!("{ARN}=App"), "no filter", "an upper-case letter"),
            (format!("{ARN}=/app"), "no filter", "an empty part"),
            (format!("{ARN}=a--b"), "no filter", "two separators"),
            (format!("{ARN}=a b"), "no filter", "a blank"),
            (format!("{ARN}=a, b"), "`b` is no filter", "a blank after a comma"),
            (format!("{ARN}=a,b,a"), "the filter `a` is there twice", "a filter twice"),
            (format!("{ARN}=a?"), "no filter", "another wildcard"),
            (format!("{ARN}=\u{1b}[2J"), "no filter", "a terminal sequence"),
            (format!("{long}a"), "no filter", "257 characters"),
            (format!("{ARN}={}", vec!["a"; 101].join(",")), "at most 100 filters", "101 filters"),
        ] {
            let report = SigningRule::parse(&text).expect_err(why);
            assert!(report.what().contains(words) && !report.what().contains('\u{1b}'), "{why}: {report:?}");
        }
        let rules = |count: usize| {
            SigningRule::parse_all(&(0..count).map(|number| format!("{ARN}=a{number}")).collect::<Vec<_>>())
        };
        assert!(rules(10).is_ok() && rules(11).is_err(), "ten rules at most");
        let same = SigningRule::parse_all(&strings(&[ARN, ARN])).expect_err("twice");
        assert!(same.what().contains("a rule is there twice"), "{same:?}");
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }
}
