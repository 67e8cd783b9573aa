//! The names that AWS gives: accounts, roles and regions. Pure.

/// Whether this is an AWS account id: 12 digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this is the ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/NAME` (IAM user guide, "ARN format").
pub fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "iam", "", account, resource]
        if partition.starts_with("aws") && is_account(account) && resource.len() > 5 && resource.starts_with("role/"))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this can be an AWS region: it becomes a part of a host name that we call.
pub fn is_region(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
