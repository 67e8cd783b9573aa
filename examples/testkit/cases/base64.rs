//! How the parts of a JWS are written in base64 (RFC 4648; RFC 7515, 2).

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};

use super::super::scene::{Kit, integrity};

/// JSON of a length that base64 has padding for: a blank after it says nothing.
fn ragged(json: &[u8]) -> Vec<u8> {
    let blank: &[u8] = if json.len().is_multiple_of(3) { b" " } else { b"" };
    [json, blank].concat()
}

/// Base64 whose last character has bits that say nothing, one of which is set.
fn loose(text: String) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert!(!text.len().is_multiple_of(4), "the last character has such bits");
    let last = *text.as_bytes().last().expect("it is not empty");
    let place = ALPHABET.iter().position(|letter| *letter == last).expect("base64url");
    text[..text.len() - 1].to_owned() + &char::from(ALPHABET[place | 1]).to_string()
}

pub fn add(kit: &mut Kit) {
    type Write = fn(&[u8]) -> String;
    let forms: [(&str, &str, Write); 4] = [
        ("padded", "base64url has no padding (RFC 7515, 2)", |bytes| URL_SAFE.encode(ragged(bytes))),
        ("loose_bits", "bits after the end are zero (RFC 4648, 3.5)", |bytes| {
            loose(URL_SAFE_NO_PAD.encode(ragged(bytes)))
        }),
        ("newline", "there is nothing between the letters", |bytes| {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            format!("{}\n{}", &text[..8], &text[8..])
        }),
        ("blank", "nor after them", |bytes| URL_SAFE_NO_PAD.encode(bytes) + " "),
    ];
    for (name, why, write) in forms {
        kit.x509(&format!("jws_payload_{name}"), why, integrity("`payload` is not base64url"), |s| {
            s.draft.jws.write_payload = write;
        });
        kit.x509(&format!("jws_protected_{name}"), why, integrity("`protected` is not base64url"), |s| {
            s.draft.jws.write_protected = write;
        });
    }
    kit.x509("jws_signature_padded", "base64url has no padding", integrity("`signature` is not base64url"), |s| {
        s.draft.jws.write_signature = |bytes| URL_SAFE.encode(bytes);
    });
    kit.x509(
        "jws_signature_loose_bits",
        "bits after the end are zero",
        integrity("`signature` is not base64url"),
        |s| {
            s.draft.jws.write_signature = |bytes| loose(URL_SAFE_NO_PAD.encode(bytes));
        },
    );
    kit.x509("jws_payload_other_alphabet", "base64url has `-` and `_`", integrity("`payload` is not base64url"), |s| {
        s.draft.payload_json(|p| p["targetArtifact"]["annotations"]["x"] = "???>>>~~~".into());
        s.draft.jws.write_payload = |bytes| STANDARD.encode(bytes).trim_end_matches('=').into();
    });
    kit.x509(
        "jws_x5c_base64url",
        "certificates are in base64 with `+`, `/` and padding (RFC 7515, 4.1.6)",
        integrity("it is not base64"),
        |s| {
            s.draft.jws.write_certificate = |der| URL_SAFE_NO_PAD.encode(der);
        },
    );
    kit.x509("jws_x5c_newlines", "in one line", integrity("it is not base64"), |s| {
        s.draft.jws.write_certificate = |der| STANDARD.encode(der).replacen('A', "A\n", 1);
    });
    kit.x509("jws_x5c_pem", "not as PEM", integrity("it is not base64"), |s| {
        s.draft.jws.write_certificate = super::super::certificate::pem;
    });
    kit.x509("jws_x5c_number", "as texts", integrity("it is not a text"), |s| {
        s.draft.jws.members = Box::new(|members| members["header"]["x5c"][0] = 1.into());
    });
    kit.x509(
        "jws_timestamp_no_base64",
        "a countersignature is base64",
        integrity("its timestamp is not base64"),
        |s| {
            s.draft.header.insert("io.cncf.notary.timestampSignature".into(), "!".into());
        },
    );
    kit.x509("jws_timestamp_number", "and a text", integrity("its timestamp is not a text"), |s| {
        s.draft.header.insert("io.cncf.notary.timestampSignature".into(), 1.into());
    });
}
