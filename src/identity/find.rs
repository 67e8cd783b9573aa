//! Which identity serves a registry: our rules first, then what the AWS CLI would take.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    Chosen, Identity, IdentityError, Metadata, Profile, Role, Source, Target, WebIdentity, WebToken, absence, ambient,
    chain, profiles::Profiles,
};
use crate::{
    config::{Config, DEFAULTS_PLACE, ProfileChoice, Rule},
    environment::Environment,
    private_fs,
    secret::Wiped,
};

/// Whether this machine is an EC2 instance; `None` where nobody can tell without asking.
pub type Instance = fn() -> Option<bool>;

/// What chose a profile on the command line.
const OPTION: &str = "--profile";

/// What chose the identity of a pod.
const SERVICE_ACCOUNT: &str = "the pod's service account";

/// Finds identities on one machine, under one configuration.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    /// Variables and folders.
    pub environment: &'a Environment,
    /// The rules.
    pub config: &'a Config,
    /// What the caller chose, over the rules and the environment.
    pub chosen: Option<&'a Chosen>,
    /// Whether this is an EC2 instance; asked only when nothing else has credentials.
    pub instance: Instance,
}

impl Finder<'_> {
    /// Finds the identity that serves `target`. Reads the AWS files, never the network.
    pub fn find(&self, target: &Target) -> Result<Identity, IdentityError> {
        self.search(&mut Search { environment: self.environment, files: Files::default(), target })
    }

    /// The AWS profile whose identity for `target` has this fingerprint, where one has.
    pub fn profile_of(&self, target: &Target, fingerprint: &str) -> Option<String> {
        let mut search = Search { environment: self.environment, files: Files::default(), target };
        let names: Vec<String> = search.files.read(self.environment).ok()?.names().map(String::from).collect();
        names.into_iter().find(|name| {
            let chosen = Chosen::Profile(name.clone());
            let of_profile = Finder { chosen: Some(&chosen), ..*self };
            of_profile.search(&mut search).is_ok_and(|identity| identity.fingerprint() == fingerprint)
        })
    }

    /// Whether the AWS files have a profile of this name.
    pub fn has_profile(&self, name: &str) -> bool {
        Files::default().read(self.environment).is_ok_and(|profiles| profiles.names().any(|known| known == name))
    }

    fn search(&self, search: &mut Search<'_>) -> Result<Identity, IdentityError> {
        let rule = self.config.rule_for(&search.target.host);
        let mut is_instance = None;
        let found = match self.chosen {
            Some(Chosen::Profile(name)) => Some((search.named(name, OPTION)?, OPTION.into())),
            Some(Chosen::ServiceAccount(web)) => Some((Source::WebIdentity(web.clone()), SERVICE_ACCOUNT.into())),
            None => search.source(self.config, rule, || {
                is_instance = (self.instance)();
                is_instance
            })?,
        };
        let (source, why, advice) = match found {
            Some((source, why)) => (source, why, String::new()),
            None => {
                let (why, advice) = search.absence()?;
                (Source::None, why, advice)
            }
        };
        let rule = rule.filter(|_| !matches!(self.chosen, Some(Chosen::ServiceAccount(_))));
        let role = rule.and_then(|rule| rule.role.clone()).map(|role| Role {
            arn: role.arn,
            external_id: role.external_id,
            session_name: role.session_name,
        });
        let region = search.region(&source)?;
        let ca_bundle = search.setting(&source, "ca_bundle")?.map(PathBuf::from);
        let settings = search.settings(&source)?;
        let mut metadata = search.metadata(&source)?;
        // Who names it or a profile that asks for it is sure that it is there.
        metadata.is_there = metadata.stated || is_instance == Some(true) || source != Source::InstanceMetadata;
        Ok(Identity { source, role, region, ca_bundle, settings, metadata, why, advice })
    }
}

/// The AWS files, read when first asked for.
#[derive(Default)]
pub(super) struct Files(Option<Profiles>);

impl Files {
    pub(super) fn read(&mut self, environment: &Environment) -> Result<&Profiles, IdentityError> {
        if self.0.is_none() {
            let files = shared_files(environment);
            let [config, credentials] = [text(&files[0])?, text(&files[1])?];
            self.0 = Some(Profiles::parse(files, &config, &credentials)?);
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

fn text(path: &Path) -> Result<Wiped<Vec<u8>>, IdentityError> {
    match private_fs::read_secret(path, private_fs::MAX_FILE_SIZE) {
        Ok(bytes) => Ok(bytes),
        // The AWS CLI, too, takes a file that is not there for an empty one.
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Wiped::default()),
        Err(cause) => Err(IdentityError::Unreadable { path: path.into(), cause }),
    }
}

struct Search<'a> {
    environment: &'a Environment,
    files: Files,
    target: &'a Target,
}

/// The profile that counts where none is named.
const DEFAULT: &str = "default";

impl Search<'_> {
    /// Where credentials come from and why, in the order of design: rule, environment, `auto`, the rest,
    /// and the registry's own profile where all of them have none.
    fn source(
        &mut self,
        config: &Config,
        rule: Option<&Rule>,
        instance: impl FnOnce() -> Option<bool>,
    ) -> Result<Option<(Source, String)>, IdentityError> {
        if let Some((rule, ProfileChoice::Named(name))) = rule.and_then(|rule| Some((rule, rule.profile.as_ref()?))) {
            let why = rule.place();
            return Ok(Some((self.named(name, &why)?, why)));
        }
        let keys = ambient::keys(self.environment)?;
        let named = self.environment_profile();
        if let Some((asked_by, name)) = &named {
            self.exists(name, asked_by)?;
        }
        if let Some(keys) = keys {
            return Ok(Some((Source::Environment(keys), "AWS_ACCESS_KEY_ID".into())));
        }
        if let Some((asked_by, name)) = &named {
            let found = self.profile_or_web_identity(name, asked_by)?;
            if found.is_some() {
                return Ok(found);
            }
        } else {
            let choice = rule.and_then(|rule| rule.profile.as_ref()).or(config.default_profile.as_ref());
            if choice == Some(&ProfileChoice::Auto)
                && let Some(found) = self.of_account("profile = \"auto\" and account")?
            {
                return Ok(Some(found));
            }
            if let Some(ProfileChoice::Named(name)) = choice {
                return Ok(Some((self.named(name, DEFAULTS_PLACE)?, DEFAULTS_PLACE.into())));
            }
            let found = self.profile_or_web_identity(DEFAULT, "the default profile")?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let stated = self.surroundings()?;
        if stated.is_some() {
            return Ok(stated);
        }
        let is_instance = if self.metadata_is_disabled() { Some(false) } else { instance() };
        if is_instance == Some(true) {
            return Ok(Some((Source::InstanceMetadata, "the EC2 instance's role".into())));
        }
        // Who names a profile means that one.
        if named.is_none()
            && let Some(found) = self.of_account("being the one profile of account")?
        {
            return Ok(Some(found));
        }
        let perhaps = || (Source::InstanceMetadata, "the EC2 instance's role, if this is an instance".into());
        Ok(is_instance.is_none().then(perhaps))
    }

    /// What is so where there are no credentials, and one thing to do.
    fn absence(&mut self) -> Result<(String, String), IdentityError> {
        if let Some((asked_by, profile)) = self.environment_profile() {
            let empty = IdentityError::EmptyProfile { profile, asked_by: asked_by.into() };
            return Ok((empty.to_string(), empty.hint()));
        }
        let (account, environment) = (self.target.account.as_str(), self.environment);
        let profiles = self.files.read(environment)?;
        let has_credentials =
            |name: &&str| chain::follow(profiles, environment, name).is_ok_and(|chain| chain.is_some());
        let usable: Vec<&str> = profiles.names().filter(has_credentials).collect();
        Ok(absence::of(account, &usable))
    }

    /// The profile that the environment names, and the variable that does; of two the AWS CLI takes the
    /// first (botocore, `configprovider.py`).
    fn environment_profile(&self) -> Option<(&'static str, String)> {
        let named = |variable: &'static str| self.environment.text(variable).map(|name| (variable, name));
        named("AWS_DEFAULT_PROFILE").or_else(|| named("AWS_PROFILE"))
    }

    fn exists(&mut self, name: &str, asked_by: &str) -> Result<(), IdentityError> {
        let profiles = self.files.read(self.environment)?;
        if profiles.has(name) {
            return Ok(());
        }
        let known = profiles.names().map(String::from).collect();
        Err(IdentityError::UnknownProfile { profile: name.into(), asked_by: asked_by.into(), known })
    }

    /// What the environment's web identity and a profile that nobody insists on come to. A role on top
    /// of other credentials wins over the web identity, which wins over all else (botocore,
    /// `create_credential_resolver`).
    fn profile_or_web_identity(&mut self, name: &str, why: &str) -> Result<Option<(Source, String)>, IdentityError> {
        let web_identity = self.web_identity(name)?;
        if web_identity.is_some() {
            return Ok(web_identity);
        }
        Ok(self.profile(name)?.map(|source| (source, why.into())))
    }

    /// The web identity of the environment; what it leaves out the profile may say, and the other way round.
    fn web_identity(&mut self, name: &str) -> Result<Option<(Source, String)>, IdentityError> {
        const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
        const ROLE: &str = "AWS_ROLE_ARN";
        let environment = self.environment;
        let [file, role, session] =
            [TOKEN_FILE, ROLE, "AWS_ROLE_SESSION_NAME"].map(|variable| environment.text(variable));
        if file.is_none() && role.is_none() {
            return Ok(None);
        }
        let why = if file.is_some() { TOKEN_FILE } else { ROLE };
        let profile = self.files.read(environment)?.get(name)?;
        if profile.is_some_and(chain::assumes_role) {
            return Ok(None);
        }
        let of_profile = |key: &str| profile?.get(key).filter(|value| !value.is_empty()).map(String::from);
        let Some(token_file) = file.or_else(|| of_profile("web_identity_token_file")) else { return Ok(None) };
        let Some(role_arn) = role.or_else(|| of_profile("role_arn")) else {
            return Err(IdentityError::Variables {
                what: format!("{TOKEN_FILE} is set and {ROLE} is not"),
                hint: format!("set {ROLE} to the role that the token is for, or unset {TOKEN_FILE}"),
            });
        };
        let session_name = session.or_else(|| of_profile("role_session_name"));
        let token = WebToken::File(token_file.into());
        Ok(Some((Source::WebIdentity(WebIdentity { role_arn, token, session_name }), why.into())))
    }

    /// A profile that a rule names: it must exist and have credentials.
    fn named(&mut self, name: &str, asked_by: &str) -> Result<Source, IdentityError> {
        self.exists(name, asked_by)?;
        let empty = || IdentityError::EmptyProfile { profile: name.into(), asked_by: asked_by.into() };
        self.profile(name)?.ok_or_else(empty)
    }

    fn profile(&mut self, name: &str) -> Result<Option<Source>, IdentityError> {
        let profiles = self.files.read(self.environment)?;
        let files = profiles.files().clone();
        let chain = chain::follow(profiles, self.environment, name)?;
        Ok(chain.map(|chain| {
            Source::Profile(Profile {
                name: name.into(),
                base: chain.base,
                roles: chain.roles,
                renewal: chain.renewal,
                mfa_serial: chain.mfa_serial,
                files,
            })
        }))
    }

    /// The one profile of the registry's account. Profiles that are out of order are nobody's.
    fn of_account(&mut self, why: &str) -> Result<Option<(Source, String)>, IdentityError> {
        let (account, environment) = (self.target.account.as_str(), self.environment);
        let profiles = self.files.read(environment)?;
        let of_account = |name: &&str| {
            let chain = chain::follow(profiles, environment, name).ok().flatten();
            chain.is_some_and(|chain| chain.account.as_deref() == Some(account))
        };
        let mut fitting: Vec<String> = profiles.names().filter(of_account).map(String::from).collect();
        match fitting.len() {
            0 => Ok(None),
            1 => {
                let name = fitting.remove(0);
                let why = format!("{why} {account}");
                Ok(self.profile(&name)?.map(|source| (source, why)))
            }
            _ => Err(IdentityError::Ambiguous { account: account.into(), profiles: fitting }),
        }
    }

    /// What the environment or the default profile names beside profiles: a container, a metadata service.
    fn surroundings(&mut self) -> Result<Option<(Source, String)>, IdentityError> {
        if let Some(container) = ambient::container(self.environment) {
            let why = container.variable.into();
            return Ok(Some((Source::Container(container), why)));
        }
        if self.metadata_is_disabled() {
            return Ok(None);
        }
        let named_by = if self.environment.text(METADATA_VARIABLE).is_some() {
            Some(METADATA_VARIABLE)
        } else {
            self.metadata(&Source::InstanceMetadata)?.stated.then_some(METADATA_KEY)
        };
        Ok(named_by.map(|why| (Source::InstanceMetadata, why.into())))
    }

    fn metadata_is_disabled(&self) -> bool {
        self.environment.is_true("AWS_EC2_METADATA_DISABLED")
    }

    fn region(&mut self, source: &Source) -> Result<String, IdentityError> {
        let stated = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| self.environment.text(name));
        let stated = match (stated, source) {
            (None, Source::Profile(_)) => self.setting(source, "region")?,
            (stated, _) => stated,
        };
        Ok(stated.unwrap_or_else(|| self.target.region.clone()))
    }

    /// The profile whose settings count: the one that credentials come from, else the environment's.
    fn settings_of(&self, source: &Source) -> String {
        match source {
            Source::Profile(profile) => profile.name.clone(),
            _ => self.environment_profile().map_or_else(|| DEFAULT.into(), |(_, name)| name),
        }
    }

    /// The AWS files, as far as settings go: keys of the environment need no file, so one that may not
    /// be opened keeps nobody from them.
    fn settings_files(&mut self, source: &Source) -> Result<Option<&Profiles>, IdentityError> {
        match self.files.read(self.environment) {
            Err(IdentityError::Unreadable { .. }) if matches!(source, Source::Environment(_)) => Ok(None),
            read => read.map(Some),
        }
    }

    /// A setting of the profile that credentials come from.
    fn setting(&mut self, source: &Source, key: &str) -> Result<Option<String>, IdentityError> {
        let Source::Profile(profile) = source else { return Ok(None) };
        let Some(found) = self.files.read(self.environment)?.get(&profile.name)? else { return Ok(None) };
        Ok(found.get(key).filter(|value| !value.is_empty()).map(String::from))
    }

    /// What the SDK is handed of the files: [`Identity::settings`].
    fn settings(&mut self, source: &Source) -> Result<String, IdentityError> {
        let name = self.settings_of(source);
        self.settings_files(source)?.map_or(Ok(String::new()), |profiles| profiles.settings(&name))
    }

    /// Where the metadata service is (AWS SDK reference guide, "IMDS client").
    fn metadata(&mut self, source: &Source) -> Result<Metadata, IdentityError> {
        let (name, environment) = (self.settings_of(source), self.environment);
        let profile = self.settings_files(source)?.map_or(Ok(None), |profiles| profiles.get(&name))?;
        let stated = |variable: &str, key: &str| {
            let of_profile = || profile?.get(key).filter(|value| !value.is_empty()).map(String::from);
            environment.text(variable).or_else(of_profile)
        };
        let endpoint = stated(METADATA_VARIABLE, METADATA_KEY);
        let mode = stated("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
        let usual = match mode {
            Some(mode) if mode.trim().eq_ignore_ascii_case("ipv6") => "http://[fd00:ec2::254]",
            _ => "http://169.254.169.254",
        };
        Ok(Metadata { stated: endpoint.is_some(), is_there: true, endpoint: endpoint.unwrap_or_else(|| usual.into()) })
    }
}

/// What names the metadata service in the environment.
const METADATA_VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// And in a profile.
const METADATA_KEY: &str = "ec2_metadata_service_endpoint";
