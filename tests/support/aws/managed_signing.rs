//! ECR managed signing: the signing configuration of a registry, and how far the signatures of an image are
//! (ECR API reference; botocore's model `ecr/2015-09-21`).
//!
//! ```ignore
//! let signing = ManagedSigning::new();
//! let machine = Machine::with(vec![signing.clone()]);
//! signing.push(ACCOUNT, REGION, "app", "v1"); // signed by the rules of that moment
//! signing.behave(|knobs| knobs.slow = 3); // IN_PROGRESS for three looks more
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{super::loopback::State, Asked, Refusal, Reply, Request, Service, Wording};

/// An account and a region.
type Place = (String, String);

/// How signing goes from now on.
#[derive(Debug, Clone, Default)]
pub struct Knobs {
    /// How many looks more see a signature in progress.
    pub slow: u32,
    /// Code and reason with which the signatures of a profile fail, by the profile's ARN.
    pub failing: BTreeMap<String, (String, String)>,
    /// A state in the place of COMPLETE.
    pub state: Option<String>,
    /// Rules in the place of those that were put.
    pub takes: Option<Value>,
}

/// The service. Everything can be changed while it runs.
#[derive(Default)]
pub struct ManagedSigning {
    configurations: Mutex<BTreeMap<Place, Value>>,
    /// The profiles that sign an image, by place, repository and tag or digest.
    images: Mutex<BTreeMap<(Place, String, String), Vec<String>>>,
    knobs: Mutex<Knobs>,
}

impl ManagedSigning {
    /// One without rules and images.
    pub fn new() -> Arc<ManagedSigning> {
        Arc::default()
    }

    /// Changes how signing goes.
    pub fn behave(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.knobs.lock().expect("no holder panics"));
    }

    /// The rules of a registry as they were put; `None` where there are none.
    pub fn rules(&self, account: &str, region: &str) -> Option<Value> {
        let place = (account.to_owned(), region.to_owned());
        self.configurations.lock().expect("no holder panics").get(&place).map(|found| found["rules"].clone())
    }

    /// Gives a registry rules that nobody put through the API.
    pub fn configure(&self, account: &str, region: &str, rules: Value) {
        let place = (account.to_owned(), region.to_owned());
        self.configurations.lock().expect("no holder panics").insert(place, json!({ "rules": rules }));
    }

    /// Pushes an image, by a tag or a digest: each rule of this moment that matches signs it.
    pub fn push(&self, account: &str, region: &str, repository: &str, reference: &str) {
        let rules = self.rules(account, region).unwrap_or_default();
        let matching = rules.as_array().into_iter().flatten().filter(|rule| {
            let filters = rule["repositoryFilters"].as_array();
            filters.is_none_or(|filters| filters.iter().any(|one| matches(one["filter"].as_str().unwrap(), repository)))
        });
        let profiles = matching.map(|rule| rule["signingProfileArn"].as_str().unwrap().to_owned()).collect();
        let key = ((account.to_owned(), region.to_owned()), repository.to_owned(), reference.to_owned());
        self.images.lock().expect("no holder panics").insert(key, profiles);
    }

    /// The statuses of an image, one a profile.
    fn statuses(&self, profiles: &[String]) -> Vec<Value> {
        let mut knobs = self.knobs.lock().expect("no holder panics");
        let slow = knobs.slow > 0;
        knobs.slow = knobs.slow.saturating_sub(1);
        let status = |arn: &String| match knobs.failing.get(arn) {
            _ if slow => json!({ "signingProfileArn": arn, "status": "IN_PROGRESS" }),
            Some((code, reason)) => {
                json!({ "signingProfileArn": arn, "status": "FAILED", "failureCode": code, "failureReason": reason })
            }
            None => json!({ "signingProfileArn": arn, "status": knobs.state.as_deref().unwrap_or("COMPLETE") }),
        };
        profiles.iter().map(status).collect()
    }
}

const OPERATIONS: [&str; 4] =
    ["PutSigningConfiguration", "GetSigningConfiguration", "DeleteSigningConfiguration", "DescribeImageSigningStatus"];

impl Service for ManagedSigning {
    fn name(&self) -> &'static str {
        "ecr"
    }

    fn operation(&self, request: &Request) -> Option<String> {
        let operation = request.target("AmazonEC2ContainerRegistry_V20150921")?;
        OPERATIONS.contains(&operation.as_str()).then_some(operation)
    }

    fn wording(&self) -> Wording {
        Wording::Json
    }

    fn answer(&self, _: &State, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let (own, region, body) = (&asked.caller().principal.account, asked.request.region(), asked.request.json());
        let place = (own.clone(), region.clone());
        match asked.operation {
            "PutSigningConfiguration" => {
                let configuration = body["signingConfiguration"].clone();
                check(&configuration)?;
                let put = match &self.knobs.lock().expect("no holder panics").takes {
                    Some(rules) => json!({ "rules": rules }),
                    None => configuration,
                };
                self.configurations.lock().expect("no holder panics").insert(place, put.clone());
                Ok(Reply::json(&json!({ "signingConfiguration": put })))
            }
            "DescribeImageSigningStatus" => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let account = text(&body["registryId"]).unwrap_or_else(|| own.clone());
                let repository = text(&body["repositoryName"]).unwrap_or_default();
                let id = &body["imageId"];
                let reference = text(&id["imageDigest"]).or_else(|| text(&id["imageTag"])).unwrap_or_default();
                let images = self.images.lock().expect("no holder panics");
                let place = (account.clone(), region);
                if !images.keys().any(|(is, name, _)| *is == place && *name == repository) {
                    let message = format!(
                        "The repository with name '{repository}' does not exist in the registry with id '{account}'"
                    );
                    return Err(Refusal::new(400, "RepositoryNotFoundException", message));
                }
                let Some(profiles) = images.get(&(place, repository.clone(), reference.clone())) else {
                    let message = format!(
                        "The image with imageId {{imageTag:'{reference}'}} does not exist within the repository with \
                         name '{repository}' in the registry with id '{account}'"
                    );
                    return Err(Refusal::new(400, "ImageNotFoundException", message));
                };
                Ok(Reply::json(&json!({
                    "repositoryName": repository, "imageId": id, "registryId": account,
                    "signingStatuses": self.statuses(profiles),
                })))
            }
            operation => {
                let mut configurations = self.configurations.lock().expect("no holder panics");
                let Some(found) = configurations.get(&place).cloned() else {
                    let message = format!("The signing configuration of the registry with id '{own}' does not exist");
                    return Err(Refusal::new(400, "SigningConfigurationNotFoundException", message));
                };
                if operation == "DeleteSigningConfiguration" {
                    configurations.remove(&place);
                }
                Ok(Reply::json(&json!({ "registryId": own, "signingConfiguration": found })))
            }
        }
    }
}

/// What the model of the API asks of a configuration.
fn check(configuration: &Value) -> Result<(), Refusal> {
    let invalid = |what: String| Err(Refusal::new(400, "ValidationException", what));
    let Some(rules) = configuration["rules"].as_array() else { return invalid("rules must not be null".into()) };
    if rules.len() > 10 {
        return invalid("Member must have length less than or equal to 10".into());
    }
    for rule in rules {
        let arn = rule["signingProfileArn"].as_str().unwrap_or_default();
        if arn.split(':').count() != 6 || !arn.contains(":/signing-profiles/") || arn.matches('/').count() != 2 {
            return invalid(format!("Value '{arn}' at 'signingProfileArn' failed to satisfy constraint"));
        }
        let Some(filters) = rule.get("repositoryFilters") else { continue };
        let filters = filters.as_array().filter(|filters| (1..=100).contains(&filters.len()));
        let known = |one: &Value| one["filterType"] == "WILDCARD_MATCH" && one["filter"].is_string();
        if !filters.is_some_and(|filters| filters.iter().all(known)) {
            return invalid("repositoryFilters failed to satisfy constraint".into());
        }
    }
    Ok(())
}

/// Whether a name matches a filter, whose stars stand for any characters.
fn matches(filter: &str, name: &str) -> bool {
    match filter.split_once('*') {
        None => filter == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|left| {
            (0..=left.len()).filter(|at| left.is_char_boundary(*at)).any(|at| matches(rest, &left[at..]))
        }),
    }
}
