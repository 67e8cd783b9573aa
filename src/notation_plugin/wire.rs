//! Requests as they come, and the answers that only a plugin gives. What both sides of the protocol write is in
//! `verify::plugin_wire`.

use std::{collections::BTreeMap, io::Read};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::failure::Failure;
use crate::{
    door,
    notary::envelope::json,
    report::{Report, excerpt},
    verify::plugin_wire::{CONTRACT, or_default},
};

/// Some bytes of a request.
const USUAL: usize = 16 << 10;

/// Reads a JSON object. Two readers must not take two things from it: a member that is there twice is refused.
pub(super) fn read(stdin: &mut dyn Read, limit: usize) -> Result<Map<String, Value>, Failure> {
    // In the framework's words, which callers show.
    let bad = |why: String| Failure::invalid(Report::new("Input is not a valid JSON").cause(why));
    let bytes = door::read_input(stdin, USUAL, limit).map_err(bad)?;
    json::object(&bytes).map_err(bad)
}

/// Reads the request of a command, which is of this version of the protocol.
pub(super) fn request<T: DeserializeOwned>(stdin: &mut dyn Read, limit: usize) -> Result<T, Failure> {
    let members = read(stdin, limit)?;
    match members.get("contractVersion").and_then(Value::as_str).unwrap_or_default() {
        CONTRACT => {}
        "" => {
            return Err(Failure::invalid(
                Report::new("Input is not a valid JSON").cause("contractVersion cannot be empty"),
            ));
        }
        other => {
            let what =
                format!("contract version {:?} is not one that this plugin speaks, [{CONTRACT}]", excerpt(other));
            return Err(Failure::unsupported(Report::new(what)));
        }
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|err| Failure::invalid(Report::new("Input is not a valid JSON").cause(excerpt(&err.to_string()))))
}

/// The request `describe-key`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeKey {
    pub(super) key_id: String,
}

/// Its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyDescription {
    pub(super) key_id: String,
    pub(super) key_spec: &'static str,
}

/// The request `generate-envelope`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerateEnvelope {
    pub(super) key_id: String,
    pub(super) payload: String,
    pub(super) payload_type: String,
    pub(super) signature_envelope_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) expiry_duration_in_seconds: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) plugin_config: BTreeMap<String, String>,
}

/// Its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GeneratedEnvelope {
    pub(super) signature_envelope: String,
    pub(super) signature_envelope_type: &'static str,
    pub(super) annotations: BTreeMap<String, String>,
}
