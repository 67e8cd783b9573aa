//! The role of a pod's service account, and the token that is exchanged for it.

use std::sync::Arc;

use super::wire::{NAME, Request};
use crate::{
    environment::Environment,
    identity::{WebIdentity, WebToken},
    registry::is_role_arn,
    report::{Report, excerpt},
    secret::Secret,
};

/// The annotations that name the role, the first that is there counts: the one of the program that is replaced,
/// and the one of IAM roles for service accounts, which the pod itself runs under.
pub(super) const ANNOTATIONS: [&str; 2] = ["eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"];

/// The variable that names the role of all service accounts that name none.
const VARIABLE: &str = "AWS_ECR_ROLE_ARN";

/// The identity that a request asks for: none where it has no token or nobody names a role, and the node's own
/// serves.
///
/// # Errors
/// A role that is none is never a reason to take the node's.
pub(super) fn of(request: &Request, environment: &Environment) -> Result<Option<WebIdentity>, Report> {
    let Some(token) = &request.token else { return Ok(None) };
    let annotated = ANNOTATIONS.iter().find_map(|name| {
        let value = request.annotations.get(*name)?.trim();
        (!value.is_empty()).then(|| (*name, value.to_owned()))
    });
    let Some((by, role_arn)) = annotated.or_else(|| Some((VARIABLE, environment.text(VARIABLE)?))) else {
        return Ok(None);
    };
    if !is_role_arn(&role_arn) {
        return Err(Report::new(format!("{by} is {:?}, which is no ARN of a role", excerpt(&role_arn)))
            .hint("write arn:aws:iam::ACCOUNT:role/NAME"));
    }
    let token = WebToken::Given(Arc::new(Secret::from(token.expose().trim().to_owned())));
    // As the program that is replaced calls its sessions: trust policies and CloudTrail's readers know it.
    Ok(Some(WebIdentity { role_arn, token, session_name: Some(NAME.into()) }))
}
