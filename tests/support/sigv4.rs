//! AWS Signature Version 4, checked as AWS does and written from its documentation alone, so that
//! the SDK is not its own judge ("Create a signed AWS API request", IAM user guide).

use std::time::{Duration, SystemTime};

use ring::{digest, hmac};

use super::aws::{
    Refusal, Request,
    iam::{Credential, Iam},
};

/// How far a caller's clock may be off.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What an `Authorization` header claims.
#[derive(Debug)]
pub struct Claim {
    /// Who signed.
    pub access_key_id: String,
    /// The scope's region.
    pub region: String,
    /// The scope's service.
    pub service: String,
    date: String,
    signed_headers: String,
    signature: String,
}

impl Claim {
    /// Reads the header `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…`.
    pub fn read(request: &Request) -> Result<Claim, Refusal> {
        let header = request.header("authorization").unwrap_or_default();
        let missing = || Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        let fields = header.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(missing)?;
        let field = |name: &str| {
            let found = fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned).ok_or_else(|| {
                let message = format!("Authorization header requires '{name}' parameter.");
                Refusal::new(403, "IncompleteSignatureException", message)
            })
        };
        let scope = field("Credential")?;
        let parts: Vec<&str> = scope.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            let message = "Credential must have exactly 5 slash-delimited elements";
            return Err(Refusal::new(403, "IncompleteSignatureException", message));
        };
        Ok(Claim {
            access_key_id: access_key_id.into(),
            region: region.into(),
            service: service.into(),
            date: date.into(),
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// Who signed a request for a service; AWS's own refusal where the signature does not hold.
pub fn verify(request: &Request, iam: &Iam, service: &str, now: SystemTime) -> Result<Credential, Refusal> {
    let claim = Claim::read(request)?;
    let unknown =
        || Refusal::new(403, "UnrecognizedClientException", "The security token included in the request is invalid.");
    let credential = iam.credential(&claim.access_key_id).ok_or_else(unknown)?;
    if request.header("x-amz-security-token") != credential.session_token.as_deref() {
        return Err(unknown());
    }
    let time = request.header("x-amz-date").unwrap_or_default();
    let wrong = |message: String| Refusal::new(403, "InvalidSignatureException", message);
    if claim.service != service {
        return Err(wrong(format!("Credential should be scoped to correct service: '{service}'. ")));
    }
    let signed_at = chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ")
        .map_err(|_| wrong(format!("Date must be in ISO-8601 'basic format'. Got '{time}'.")))?;
    let off = chrono::DateTime::<chrono::Utc>::from(now).signed_duration_since(signed_at.and_utc()).num_seconds();
    if off.unsigned_abs() > TOLERANCE.as_secs() {
        return Err(wrong(format!("Signature expired: {time} is now earlier than the request time allows")));
    }
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{}/{}/{}/aws4_request\n{}",
        claim.date,
        claim.region,
        claim.service,
        hex(digest::digest(&digest::SHA256, canonical(request, &claim.signed_headers).as_bytes()).as_ref())
    );
    let mut key = format!("AWS4{}", credential.secret_access_key).into_bytes();
    for part in [&claim.date, &claim.region, &claim.service, "aws4_request"] {
        key = sign(&key, part);
    }
    if hex(&sign(&key, &text)) != claim.signature {
        return Err(wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .into(),
        ));
    }
    if credential.expires_at.is_some_and(|end| end <= now) {
        let message = "The security token included in the request is expired";
        return Err(Refusal::new(403, "ExpiredTokenException", message));
    }
    Ok(credential)
}

fn canonical(request: &Request, signed_headers: &str) -> String {
    let headers: String = signed_headers
        .split(';')
        .map(|name| {
            let value = request.header(name).unwrap_or_default();
            format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    let mut query: Vec<String> = super::aws::pairs(&request.query)
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name, ""), encode(value, "")))
        .collect();
    query.sort();
    // A header that claims another body than was sent cannot hold.
    let hash = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let path = encode(&request.path, "/"); // encoded twice: every service but S3
    format!("{}\n{path}\n{}\n{headers}\n{signed_headers}\n{hash}", request.method, query.join("&"))
}

fn encode(text: &str, keep: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
