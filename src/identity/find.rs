//! Which identity serves a registry: our rules first, then what the AWS SDKs would take.

use std::{
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{Identity, Profile, Role, Source, Target, chain, profiles::Profiles};
use crate::{
    config::{Config, DEFAULTS_PLACE, ProfileChoice, Rule},
    environment::Environment,
    private_fs,
    report::Report,
};

/// Why no identity could be chosen. Absence of credentials is no error but [`Source::None`].
#[derive(Debug)]
pub enum IdentityError {
    /// A profile is named that neither file has. The SDK would go on to the instance's role.
    UnknownProfile {
        /// The name that was asked for.
        profile: String,
        /// What asked for it.
        asked_by: String,
        /// The profiles that exist.
        known: Vec<String>,
    },
    /// A rule names a profile that has no credentials.
    EmptyProfile {
        /// The profile.
        profile: String,
        /// What asked for it.
        asked_by: String,
    },
    /// `profile = "auto"` found more than one profile for the registry's account.
    Ambiguous {
        /// The registry's account.
        account: String,
        /// The profiles that belong to it.
        profiles: Vec<String>,
    },
    /// One of the AWS files is there and cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The OS's words.
        cause: io::Error,
    },
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::UnknownProfile { profile, asked_by, .. } => {
                write!(f, "there is no AWS profile {profile:?}, which {asked_by} names")
            }
            IdentityError::EmptyProfile { profile, asked_by } => {
                write!(f, "the AWS profile {profile:?}, which {asked_by} names, has no credentials")
            }
            IdentityError::Ambiguous { account, profiles } => {
                write!(
                    f,
                    "profile = \"auto\" fits more than one AWS profile of account {account}: {}",
                    profiles.join(", ")
                )
            }
            IdentityError::Unreadable { path, .. } => write!(f, "cannot read {}", path.display()),
        }
    }
}

impl std::error::Error for IdentityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IdentityError::Unreadable { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl IdentityError {
    /// One next step the reader can take.
    pub fn hint(&self) -> String {
        match self {
            IdentityError::UnknownProfile { known, .. } if known.is_empty() => {
                "there are no AWS profiles here: run `aws configure sso` or `aws configure`".into()
            }
            IdentityError::UnknownProfile { known, .. } => format!("the profiles that exist: {}", known.join(", ")),
            IdentityError::EmptyProfile { profile, .. } => {
                format!("run `aws configure --profile {profile}`, or name another profile")
            }
            IdentityError::Ambiguous { .. } => "add a `[[registry]]` rule that names one of them".into(),
            IdentityError::Unreadable { .. } => "make it a regular file, readable for this user".into(),
        }
    }
}

impl From<IdentityError> for Report {
    fn from(err: IdentityError) -> Report {
        Report::of(&err).hint(err.hint())
    }
}

/// Whether this machine may have an EC2 instance's role.
pub type Instance = fn() -> bool;

/// What chose a profile on the command line.
const OPTION: &str = "--profile";

/// Finds identities on one machine, under one configuration.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// Variables and folders.
    pub environment: &'a Environment,
    /// The rules.
    pub config: &'a Config,
    /// The profile that a person chose on the command line, over the rules and the environment.
    pub profile: Option<&'a str>,
    /// Whether this is an EC2 instance; asked only when nothing else has credentials.
    pub instance: Instance,
}

impl Finder<'_> {
    /// Finds the identity that serves `target`. Reads the AWS files, never the network.
    pub fn find(&self, target: &Target) -> Result<Identity, IdentityError> {
        let rule = self.config.rule_for(&target.host);
        let mut search = Search { environment: self.environment, files: Files::default(), target };
        let (source, why) = match self.profile {
            Some(name) => (search.named(name, OPTION)?, OPTION.into()),
            None => search.source(self.config, rule, self.instance)?,
        };
        let role = rule.and_then(|rule| rule.role.clone()).map(|role| Role {
            arn: role.arn,
            external_id: role.external_id,
            session_name: role.session_name,
        });
        let region = search.region(&source);
        let ca_bundle = search.setting(&source, "ca_bundle").map(PathBuf::from);
        Ok(Identity { source, role, region, ca_bundle, why })
    }
}

/// The AWS files, read when first asked for.
#[derive(Default)]
struct Files(Option<Profiles>);

impl Files {
    fn read(&mut self, environment: &Environment) -> Result<&Profiles, IdentityError> {
        if self.0.is_none() {
            let [config, credentials] = shared_files(environment);
            self.0 = Some(Profiles::parse(&text(&config)?, &text(&credentials)?));
        }
        Ok(self.0.as_ref().expect("read above"))
    }
}

/// Where the AWS files are: config, then credentials (AWS SDK reference guide, "Location of the
/// shared files"). An empty path, where there is no home folder, names no file.
pub fn shared_files(environment: &Environment) -> [PathBuf; 2] {
    [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")].map(|(variable, name)| {
        let default = || Some(environment.home.as_ref()?.join(".aws").join(name));
        environment.path(variable).or_else(default).unwrap_or_default()
    })
}

fn text(path: &Path) -> Result<String, IdentityError> {
    match private_fs::read(path, private_fs::MAX_FILE_SIZE) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        // The SDK, too, takes a file that is not there for an empty one.
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(String::new()),
        Err(cause) => Err(IdentityError::Unreadable { path: path.into(), cause }),
    }
}

struct Search<'a> {
    environment: &'a Environment,
    files: Files,
    target: &'a Target,
}

impl Search<'_> {
    /// Where credentials come from and why, in the order of design: rule, environment, `auto`, the rest.
    fn source(
        &mut self,
        config: &Config,
        rule: Option<&Rule>,
        instance: Instance,
    ) -> Result<(Source, String), IdentityError> {
        if let Some((rule, ProfileChoice::Named(name))) = rule.and_then(|rule| Some((rule, rule.profile.as_ref()?))) {
            let why = rule.place();
            return Ok((self.named(name, &why)?, why));
        }
        if let Some(access_key_id) = self.environment.text("AWS_ACCESS_KEY_ID")
            && self.environment.text("AWS_SECRET_ACCESS_KEY").is_some()
        {
            return Ok((Source::Environment { access_key_id }, "AWS_ACCESS_KEY_ID".into()));
        }
        if let Some(name) = self.environment.text("AWS_PROFILE") {
            let profiles = self.files.read(self.environment)?;
            if profiles.get(&name).is_none() {
                let known = profiles.names().map(String::from).collect();
                return Err(IdentityError::UnknownProfile { profile: name, asked_by: "AWS_PROFILE".into(), known });
            }
            if let Some(source) = self.profile(&name)? {
                return Ok((source, "AWS_PROFILE".into()));
            }
        } else {
            let choice = rule.and_then(|rule| rule.profile.as_ref()).or(config.default_profile.as_ref());
            if choice == Some(&ProfileChoice::Auto)
                && let Some(found) = self.auto()?
            {
                return Ok(found);
            }
            if let Some(ProfileChoice::Named(name)) = choice {
                return Ok((self.named(name, DEFAULTS_PLACE)?, DEFAULTS_PLACE.into()));
            }
            if let Some(source) = self.profile("default")? {
                return Ok((source, "the default profile".into()));
            }
        }
        Ok(self.surroundings(instance))
    }

    /// A profile that a rule names: it must exist and have credentials.
    fn named(&mut self, name: &str, asked_by: &str) -> Result<Source, IdentityError> {
        let profiles = self.files.read(self.environment)?;
        if profiles.get(name).is_none() {
            let known = profiles.names().map(String::from).collect();
            return Err(IdentityError::UnknownProfile { profile: name.into(), asked_by: asked_by.into(), known });
        }
        let empty = || IdentityError::EmptyProfile { profile: name.into(), asked_by: asked_by.into() };
        self.profile(name)?.ok_or_else(empty)
    }

    fn profile(&mut self, name: &str) -> Result<Option<Source>, IdentityError> {
        let files = shared_files(self.environment);
        let chain = chain::follow(self.files.read(self.environment)?, name);
        Ok(chain.map(|chain| {
            Source::Profile(Profile {
                name: name.into(),
                selects: chain.selects,
                renewal: chain.renewal,
                mfa_serial: chain.mfa_serial,
                token_file: chain.token_file.map(PathBuf::from),
                files,
            })
        }))
    }

    /// The one profile of the registry's account.
    fn auto(&mut self) -> Result<Option<(Source, String)>, IdentityError> {
        let account = self.target.account.as_str();
        let profiles = self.files.read(self.environment)?;
        let of_account =
            |name: &&str| chain::follow(profiles, name).is_some_and(|chain| chain.account.as_deref() == Some(account));
        let mut fitting: Vec<String> = profiles.names().filter(of_account).map(String::from).collect();
        match fitting.len() {
            0 => Ok(None),
            1 => {
                let name = fitting.remove(0);
                let why = format!("profile = \"auto\" and account {account}");
                Ok(self.profile(&name)?.map(|source| (source, why)))
            }
            _ => Err(IdentityError::Ambiguous { account: account.into(), profiles: fitting }),
        }
    }

    /// What the machine offers when no profile does.
    fn surroundings(&self, instance: Instance) -> (Source, String) {
        let variable = |name: &str| self.environment.text(name);
        if let (Some(token_file), Some(role_arn)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"))
        {
            let source = Source::WebIdentity { role_arn, token_file: token_file.into() };
            return (source, "AWS_WEB_IDENTITY_TOKEN_FILE".into());
        }
        for name in ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
            if let Some(uri) = variable(name) {
                let token_file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from);
                return (Source::Container { uri, token_file }, name.into());
            }
        }
        let metadata = if self.environment.is_true("AWS_EC2_METADATA_DISABLED") {
            None
        } else if variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some() {
            Some("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        } else {
            instance().then_some("the EC2 instance's role")
        };
        match metadata {
            Some(why) => (Source::InstanceMetadata, why.into()),
            None => (Source::None, "no AWS credentials were found".into()),
        }
    }

    fn region(&self, source: &Source) -> String {
        let stated = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| self.environment.text(name));
        stated.or_else(|| self.setting(source, "region")).unwrap_or_else(|| self.target.region.clone())
    }

    /// A setting of the profile that credentials come from.
    fn setting(&self, source: &Source, key: &str) -> Option<String> {
        match source {
            Source::Profile(profile) => self.files.0.as_ref()?.get(&profile.name)?.get(key).cloned(),
            _ => None,
        }
    }
}
